import type { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError, type Problem } from '../../core/error.ts';
import type { ApplyOptions, ApplyReport, Mutation } from '../../core/ports.ts';
import type { Owner, ResourceKind } from '../../core/resources.ts';
import type { Ledger } from './ledger.ts';
import type { Named } from './refusals.ts';
import type { Outcome, ResourceMutations } from './resource-mutations.ts';
import { allRows, getRow } from './rows.ts';
import type { TokenMutations } from './token-mutations.ts';

/** How many changes a report names, and how many conflicts or deletions an error names. */
const namedChanges = 1_000;
const namedProblems = 100;

/** A prune of up to this many needs no leave, unless it is everything; beyond it, a fifth of what is owned is the bound. */
const freePrunes = 4;
const freePruneShare = 0.2;

export interface Applied extends ApplyReport {
  /** False: the store is as it was. */
  readonly committed: boolean;
}

/** One source declaring what it owns, chunk by chunk, inside one transaction. */
export interface Declaration {
  add(mutations: readonly Mutation[]): void;
  commit(): Applied;
}

export interface DeclarationParts {
  readonly db: DatabaseSync;
  readonly ledger: Ledger;
  readonly resources: ResourceMutations;
  readonly tokens: TokenMutations;
}

/** Takes the write lock; the caller rolls the ledger back when anything throws. */
export function beginDeclaration(parts: DeclarationParts, options: ApplyOptions, nowMs: number): Declaration {
  const { ledger, resources, tokens } = parts;
  const entry = ledger.begin(options.actor, nowMs);
  const owned = createOwned(parts.db, options.owner);
  const ownedBefore = owned.count();
  /** What the source names, only kept where the rest is to be deleted. */
  const declared = options.prune ? new Map<string, Set<string>>() : undefined;
  const counts: Record<Outcome, number> = { create: 0, update: 0, delete: 0, unchanged: 0 };
  const changed: { id: string; action: 'create' | 'update' | 'delete' }[] = [];
  const problems: Problem[] = [];
  let firstRefusal: CredentialFlowError | undefined;
  const action = (outcome: Outcome) => `${options.actor.action}:${outcome}`;

  function count({ kind, id }: Named, outcome: Outcome): void {
    counts[outcome] += 1;
    if (outcome === 'unchanged' || changed.length >= namedChanges) return;
    changed.push({ id: `${kind}/${id}`, action: outcome });
  }

  function remember({ kind, id }: Named): void {
    if (declared === undefined) return;
    const ids = declared.get(kind);
    if (ids === undefined) declared.set(kind, new Set([id]));
    else ids.add(id);
  }

  function declare(mutation: Mutation): void {
    if (mutation.op !== 'put' && mutation.op !== 'put_token') {
      throw new CredentialFlowError('internal', `a source cannot declare ${mutation.op}`);
    }
    const target = mutation.op === 'put' ? mutation : { ...mutation.token, kind: 'token' };
    if (target.owner !== options.owner) {
      throw new CredentialFlowError('internal', `${options.owner} cannot declare for ${target.owner}`);
    }
    remember(target);
    const outcome =
      mutation.op === 'put' ? resources.put(mutation, entry, action) : tokens.declare(mutation.token, entry, action);
    count(target, outcome);
  }

  function prune(keep: ReadonlyMap<string, ReadonlySet<string>>): void {
    const doomed = owned.all().filter(({ kind, id }) => keep.get(kind)?.has(id) !== true);
    if (!options.allowPrune && isTooMuch(doomed.length, ownedBefore)) {
      const message = `the apply would delete ${doomed.length} of the ${ownedBefore} that ${options.owner} owns`;
      throw new CredentialFlowError('prune_refused', message, {
        problems: doomed.slice(0, namedProblems).map(({ kind, id }) => {
          const path = `${kind}/${id}`;
          return { severity: 'error', message: `${path} would be deleted`, path };
        }),
      });
    }
    const { owner } = options;
    for (const { kind, id } of doomed) {
      if (kind === 'token') tokens.delete({ op: 'delete_token', id, owner }, entry, action('delete'));
      else resources.delete({ op: 'delete', kind, id, owner }, entry, action('delete'));
      count({ kind, id }, 'delete');
    }
  }

  return {
    add(mutations) {
      for (const mutation of mutations) {
        try {
          declare(mutation);
        } catch (error) {
          // Refusals are collected, so that a source learns all of them at once; faults end it.
          if (!(error instanceof CredentialFlowError) || error.problems.length === 0) throw error;
          firstRefusal ??= error;
          if (problems.length < namedProblems) problems.push(...error.problems);
        }
      }
    },
    commit() {
      if (firstRefusal !== undefined) {
        throw new CredentialFlowError(firstRefusal.code, firstRefusal.message, { problems });
      }
      if (declared !== undefined) prune(declared);
      const report = {
        created: counts.create,
        updated: counts.update,
        unchanged: counts.unchanged,
        deleted: counts.delete,
        changed,
      };
      if (options.dryRun) {
        ledger.rollBack();
        return { ...report, revision: entry.revision - 1, committed: false };
      }
      const { identity, changed: committed } = ledger.commit();
      return { ...report, revision: identity.revision, committed };
    },
  };
}

function isTooMuch(doomed: number, ownedBefore: number): boolean {
  if (doomed === 0) return false;
  return doomed >= ownedBefore || (doomed > freePrunes && doomed > ownedBefore * freePruneShare);
}

function createOwned(db: DatabaseSync, owner: Owner) {
  const counts = db.prepare(
    `SELECT (SELECT count(*) FROM resources WHERE owner = ?1) + (SELECT count(*) FROM tokens WHERE owner = ?1) AS n`,
  );
  const names = db.prepare(
    `SELECT kind, id FROM resources WHERE owner = ?1 UNION ALL SELECT 'token', id FROM tokens WHERE owner = ?1`,
  );
  return {
    count: () => getRow<{ n: number }>(counts, owner)?.n ?? 0,
    all: () => allRows<{ kind: ResourceKind | 'token'; id: string }>(names, owner),
  };
}
