import type { DatabaseSync } from 'node:sqlite';
import type { Mutation, NewToken } from '../../core/ports.ts';
import type { LedgerEntry } from './ledger.ts';
import { ownedByAnother, refusal } from './refusals.ts';
import type { Outcome } from './resource-mutations.ts';
import { allRows, getRow, tokenCacheKey, type TokenRow } from './rows.ts';

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

export function createTokenMutations(db: DatabaseSync): TokenMutations {
  const byId = db.prepare('SELECT * FROM tokens WHERE id = ?');
  const byIdOrHash = db.prepare('SELECT * FROM tokens WHERE id = ? OR sha256 = ?');
  const revokedAt = db.prepare(`SELECT at FROM tombstones WHERE kind = 'token' AND id = ?`);
  const insert = db.prepare(
    `INSERT INTO tokens (id, sha256, consumer, owner, description, not_before, expires_at, revoked_at, rotated_from,
       created_at, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = db.prepare(
    `UPDATE tokens SET consumer = ?, description = ?, not_before = ?, expires_at = ?, rotated_from = ?, revision = ?
     WHERE id = ?`,
  );
  const setRevoked = db.prepare('UPDATE tokens SET revoked_at = ?, revision = ? WHERE id = ?');
  const bury = db.prepare(
    `INSERT INTO tombstones (kind, id, at) VALUES ('token', ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at`,
  );
  const setExpiry = db.prepare('UPDATE tokens SET expires_at = ?, revision = ? WHERE id = ?');
  const remove = db.prepare('DELETE FROM tokens WHERE id = ?');

  function existingToken(id: string): TokenRow {
    const row = getRow<TokenRow>(byId, id);
    if (row === undefined) throw refusal('not_found', { kind: 'token', id }, 'does not exist');
    return row;
  }

  function log(entry: LedgerEntry, row: Pick<TokenRow, 'id' | 'sha256'>, action: string): void {
    entry.changed({ kind: 'token', id: row.id, cacheKey: tokenCacheKey(row.sha256), action });
  }

  function create(token: NewToken, entry: LedgerEntry, action: string): Outcome {
    insert.run(
      token.id,
      token.sha256,
      token.consumer,
      token.owner,
      token.description ?? null,
      token.notBeforeMs,
      token.expiresAtMs,
      // A hash that was revoked once stays revoked, whoever brings it back.
      getRow<{ at: number }>(revokedAt, token.sha256)?.at ?? null,
      token.rotatedFrom ?? null,
      entry.nowMs,
      entry.revision,
    );
    log(entry, token, action);
    return 'create';
  }

  return {
    issue(token, entry, action) {
      checkTimes(token);
      const taken = getRow<TokenRow>(byIdOrHash, token.id, token.sha256);
      if (taken !== undefined) throw refusal('resource_exists', named(token.id), 'has an id or a hash that exists');
      return create(token, entry, action);
    },

    declare(token, entry, action) {
      checkTimes(token);
      const taken = allRows<TokenRow>(byIdOrHash, token.id, token.sha256);
      const foreign = taken.find((row) => row.owner !== token.owner);
      if (foreign !== undefined) throw ownedByAnother(named(token.id), foreign.owner);
      const [same] = taken;
      if (same === undefined) return create(token, entry, action('create'));
      if (same.id === token.id && same.sha256 === token.sha256) {
        if (isUnchanged(same, token)) return 'unchanged';
        const { consumer, description, notBeforeMs, expiresAtMs, rotatedFrom } = token;
        const values = [consumer, description ?? null, notBeforeMs, expiresAtMs, rotatedFrom ?? null] as const;
        update.run(...values, entry.revision, token.id);
        log(entry, token, action('update'));
        return 'update';
      }
      // The id now means another token, or the token has another id: what stood there is gone.
      for (const row of taken) {
        remove.run(row.id);
        log(entry, row, action('delete'));
      }
      create(token, entry, action('create'));
      return 'update';
    },

    revoke({ id, atMs }, entry, action) {
      const row = existingToken(id);
      // The earlier moment stands.
      if (row.revoked_at !== null && row.revoked_at <= atMs) return 'unchanged';
      setRevoked.run(atMs, entry.revision, id);
      bury.run(row.sha256, atMs);
      log(entry, row, action);
      return 'update';
    },

    expire({ id, expiresAtMs }, entry, action) {
      const row = existingToken(id);
      // A file would only set it back: its owner edits the file, or revokes.
      if (row.owner !== 'api') throw ownedByAnother(named(id), row.owner);
      if (row.expires_at === expiresAtMs) return 'unchanged';
      setExpiry.run(expiresAtMs, entry.revision, id);
      log(entry, row, action);
      return 'update';
    },

    delete({ id, owner }, entry, action) {
      const row = existingToken(id);
      if (row.owner !== owner) throw ownedByAnother(named(id), row.owner);
      remove.run(id);
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

function isUnchanged(row: TokenRow, token: NewToken): boolean {
  return (
    row.consumer === token.consumer &&
    row.description === (token.description ?? null) &&
    row.not_before === token.notBeforeMs &&
    row.expires_at === token.expiresAtMs &&
    row.rotated_from === (token.rotatedFrom ?? null)
  );
}
