import type { DatabaseSync } from 'node:sqlite';
import type { ApplyOptions, Mutation } from '../../core/ports.ts';
import type { Owner } from '../../core/resources.ts';
import { beginDeclaration, type Applied, type OwnedName } from '../mutations/declaration.ts';
import type { Rules } from '../mutations/mutate.ts';
import type { Ledger } from './ledger.ts';
import { prepareQuery } from './rows.ts';

/** A source whose declaration is under way, in one transaction. */
export interface Source {
  add(mutations: readonly Mutation[]): void;
  commit(): Applied;
}

export interface SourceParts {
  readonly db: DatabaseSync;
  readonly ledger: Ledger;
  readonly rules: Rules;
}

/** Takes the write lock; the caller rolls the ledger back when anything throws. */
export function beginSource(parts: SourceParts, options: ApplyOptions, nowMs: number): Source {
  const { db, ledger, rules } = parts;
  const entry = ledger.begin(options.actor, nowMs);
  const owned = createOwned(db, options.owner);
  const declaration = beginDeclaration({ rules, entry, ownedBefore: owned.count() }, options);
  return {
    add: declaration.add,
    commit() {
      declaration.check();
      if (options.prune) declaration.remove(declaration.doomed(owned.all()));
      const report = declaration.report();
      if (options.dryRun) {
        ledger.rollBack();
        return { ...report, revision: entry.revision - 1, committed: false };
      }
      const { identity, changed: committed } = ledger.commit();
      return { ...report, revision: identity.revision, committed };
    },
  };
}

function createOwned(db: DatabaseSync, owner: Owner) {
  const counts = prepareQuery<{ n: number }>(
    db,
    `SELECT (SELECT count(*) FROM resources WHERE owner = ?1) + (SELECT count(*) FROM tokens WHERE owner = ?1) AS n`,
  );
  const names = prepareQuery<OwnedName>(
    db,
    `SELECT kind, id FROM resources WHERE owner = ?1 UNION ALL SELECT 'token', id FROM tokens WHERE owner = ?1`,
  );
  return {
    count: () => counts.get(owner)?.n ?? 0,
    all: () => names.all(owner),
  };
}
