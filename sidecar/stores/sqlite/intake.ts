import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import type { StoreIdentity } from '../../core/ports.ts';
import { copyTableNames, copyTables } from '../../core/store-copy.ts';
import type { CopyPart, CopyTable } from '../../core/store-copy.ts';
import { createCopyIntake, identityOfCopy, invalid, type CopyHead } from '../copy-intake.ts';
import { isConstraint } from './faults.ts';
import { readIdentity } from './read-all.ts';

/** A copy on its way into an empty database, inside one transaction. */
export interface Intake {
  add(part: CopyPart): void;
  commit(): StoreIdentity;
}

/** Takes the write lock; the caller rolls back when anything throws. */
export function beginIntake(db: DatabaseSync, head: CopyHead, aboveEpoch: number | undefined): Intake {
  const judge = createCopyIntake(head);
  db.exec('BEGIN IMMEDIATE');
  if (!isEmpty(db)) throw new CredentialFlowError('store_not_empty');
  const inserts = prepareInserts(db);

  return {
    add(part) {
      const taken = judge.take(part);
      if (taken === undefined) return;
      const { statement, names } = inserts[taken.table];
      for (const row of taken.rows) {
        try {
          statement.run(...names.map((name) => row[name] ?? null));
        } catch (error) {
          if (isConstraint(error)) throw invalid(`a row of ${taken.table} comes twice`);
          throw error;
        }
      }
    },
    commit() {
      judge.finish();
      const identity = identityOfCopy(head, aboveEpoch);
      const { storeId, epoch, revision } = identity;
      db.prepare('UPDATE store_meta SET store_id = ?, epoch = ?, revision = ?, log_floor = ?').run(
        storeId,
        epoch,
        revision,
        revision,
      );
      db.exec('COMMIT');
      return identity;
    },
  };
}

function isEmpty(db: DatabaseSync): boolean {
  return (
    readIdentity(db).revision === 0 &&
    copyTableNames.every((name) => db.prepare(`SELECT 1 FROM ${name} LIMIT 1`).get() === undefined)
  );
}

interface Insert {
  readonly statement: StatementSync;
  readonly names: readonly string[];
}

function prepareInserts(db: DatabaseSync): Readonly<Record<CopyTable, Insert>> {
  const inserts = {} as Record<CopyTable, Insert>;
  for (const table of copyTableNames) {
    const names = Object.keys(copyTables[table].columns);
    const places = names.map(() => '?').join(', ');
    inserts[table] = { statement: db.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`), names };
  }
  return inserts;
}
