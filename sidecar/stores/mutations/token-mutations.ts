import type { Mutation, NewToken } from '../../core/ports.ts';
import { tokenCacheKey, type TokenRow } from '../rows.ts';
import { mayChange, ownedByAnother, refusal } from './refusals.ts';
import type { Outcome } from './resource-mutations.ts';
import type { LedgerEntry, TokenTable } from './tables.ts';

type Revoke = Extract<Mutation, { op: 'revoke_token' }>;
type Expire = Extract<Mutation, { op: 'expire_token' }>;
type Delete = Extract<Mutation, { op: 'delete_token' }>;

export interface TokenMutations {
  /** A token that is new: id and hash must be free. */
  issue(token: NewToken, entry: LedgerEntry, action: string): Outcome;
  /** A token that a source declares: what it declared before is brought in line. */
  declare(token: NewToken, entry: LedgerEntry, action: (outcome: Outcome) => string): Outcome;
  revoke(mutation: Revoke, entry: LedgerEntry, action: string): Outcome;
  expire(mutation: Expire, entry: LedgerEntry, action: string): Outcome;
  delete(mutation: Delete, entry: LedgerEntry, action: string): Outcome;
}

export function createTokenMutations(table: TokenTable): TokenMutations {
  function existingToken(id: string): TokenRow {
    const row = table.get(id);
    if (row === undefined) throw refusal('not_found', { kind: 'token', id }, 'does not exist');
    return row;
  }

  function log(entry: LedgerEntry, row: Pick<TokenRow, 'id' | 'sha256'>, action: string): void {
    entry.changed({ kind: 'token', id: row.id, cacheKey: tokenCacheKey(row.sha256), action });
  }

  function create(token: NewToken, entry: LedgerEntry, action: string): Outcome {
    table.put({
      id: token.id,
      sha256: token.sha256,
      owner: token.owner,
      ...declaredColumns(token),
      rotated_from: token.rotatedFrom ?? null,
      // A hash that was revoked once stays revoked, whoever brings it back.
      revoked_at: table.revokedAt(token.sha256) ?? null,
      created_at: entry.nowMs,
      last_used_at: null,
      revision: entry.revision,
    });
    log(entry, token, action);
    return 'create';
  }

  return {
    issue(token, entry, action) {
      checkTimes(token);
      if (table.withIdOrHash(token.id, token.sha256).length > 0) {
        throw refusal('resource_exists', named(token.id), 'has an id or a hash that exists');
      }
      return create(token, entry, action);
    },

    declare(token, entry, action) {
      checkTimes(token);
      const taken = table.withIdOrHash(token.id, token.sha256);
      const foreign = taken.find((row) => !mayChange(token.owner, row.owner, isUnchanged(row, token)));
      if (foreign !== undefined) throw ownedByAnother(named(token.id), foreign.owner);
      const [same] = taken;
      if (same === undefined) return create(token, entry, action('create'));
      if (same.id === token.id && same.sha256 === token.sha256) {
        if (same.owner === token.owner && isUnchanged(same, token)) return 'unchanged';
        table.put({ ...same, ...declaredColumns(token), owner: token.owner, revision: entry.revision });
        log(entry, token, action('update'));
        return 'update';
      }
      // The id now means another token, or the token has another id: what stood there is gone.
      for (const row of taken) {
        table.remove(row.id);
        log(entry, row, action('delete'));
      }
      create(token, entry, action('create'));
      return 'update';
    },

    revoke({ id, atMs }, entry, action) {
      const row = existingToken(id);
      // The earlier moment stands.
      if (row.revoked_at !== null && row.revoked_at <= atMs) return 'unchanged';
      table.put({ ...row, revoked_at: atMs, revision: entry.revision });
      table.bury(row.sha256, atMs);
      log(entry, row, action);
      return 'update';
    },

    expire({ id, expiresAtMs }, entry, action) {
      const row = existingToken(id);
      // A file would only set it back: its owner edits the file, or revokes.
      if (row.owner !== 'api') throw ownedByAnother(named(id), row.owner);
      if (row.expires_at === expiresAtMs) return 'unchanged';
      table.put({ ...row, expires_at: expiresAtMs, revision: entry.revision });
      log(entry, row, action);
      return 'update';
    },

    delete({ id, owner }, entry, action) {
      const row = existingToken(id);
      if (row.owner !== owner) throw ownedByAnother(named(id), row.owner);
      table.remove(id);
      log(entry, row, action);
      return 'delete';
    },
  };
}

function named(id: string) {
  return { kind: 'token', id };
}

function checkTimes(token: NewToken): void {
  if (Number.isSafeInteger(token.notBeforeMs) && Number.isSafeInteger(token.expiresAtMs)) return;
  throw refusal('resource_invalid', named(token.id), 'needs whole milliseconds for its start and its expiry');
}

/** What a declaration says of a token beside its id, hash and owner. Whom it succeeded is not for a file to say. */
function declaredColumns(token: NewToken) {
  return {
    consumer: token.consumer,
    description: token.description ?? null,
    not_before: token.notBeforeMs,
    expires_at: token.expiresAtMs,
    scopes: token.scopes === undefined ? null : JSON.stringify(token.scopes),
  };
}

function isUnchanged(row: TokenRow, token: NewToken): boolean {
  const { id, sha256 } = token;
  const declared = Object.entries({ id, sha256, ...declaredColumns(token) }) as readonly (readonly [
    keyof TokenRow,
    unknown,
  ])[];
  return declared.every(([column, value]) => row[column] === value);
}
