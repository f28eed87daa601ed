import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import type { Migration } from '../migrations/migration.ts';
import { inMemory } from './connection.ts';
import { inTransaction } from './transaction.ts';

export interface MigrateOptions {
  readonly location: string;
  readonly migrations: readonly Migration[];
  /** Wall clock, milliseconds; names the copy. */
  readonly nowMs: number;
}

/** What was done, for the log. */
export interface Migrated {
  /** 0: the database was made. */
  readonly from: number;
  readonly to: number;
  /** The copy that was made before an existing database was changed. */
  readonly copy: string | undefined;
}

/**
 * Brings the schema up to the last migration. An existing database is copied first, and gets a new epoch: what others
 * cached under the old schema is void. A schema newer than the last migration is refused (`schema_newer`).
 */
export function migrate(db: DatabaseSync, options: MigrateOptions): Migrated {
  const to = options.migrations.at(-1)?.version ?? 0;
  const from = schemaVersion(db);
  if (from > to) {
    throw new CredentialFlowError('schema_newer', `the store has schema ${from}, this version knows ${to}`);
  }
  if (from === to) return { from, to, copy: undefined };
  const copy = from === 0 || options.location === inMemory ? undefined : copyDatabase(db, from, options);
  inTransaction(db, () => {
    for (const migration of options.migrations) {
      if (migration.version > from) db.exec(migration.sql);
    }
    if (from === 0) {
      db.prepare('INSERT INTO store_meta VALUES (1, ?, 1, 0, 0, ?)').run(randomUUID(), to);
    } else {
      db.prepare('UPDATE store_meta SET schema_version = ?, epoch = epoch + 1').run(to);
    }
  });
  return { from, to, copy };
}

function schemaVersion(db: DatabaseSync): number {
  const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
  if (tables.length === 0) return 0;
  if (!tables.some((table) => table['name'] === 'store_meta')) {
    throw new CredentialFlowError('store_failed', 'the file is a database, but not one of CredentialFlow');
  }
  return Number(db.prepare('SELECT schema_version FROM store_meta').get()?.['schema_version']);
}

function copyDatabase(db: DatabaseSync, version: number, options: MigrateOptions): string {
  const time = new Date(options.nowMs).toISOString().replace(/[:.]/g, '-');
  const copy = `${options.location}.v${version}.bak-${time}`;
  // VACUUM INTO takes an empty file as it is, so the copy is born with its mode.
  closeSync(openSync(copy, 'wx', 0o600));
  db.prepare('VACUUM INTO ?').run(copy);
  const written = openSync(copy, 'r+');
  try {
    fsyncSync(written);
  } finally {
    closeSync(written);
  }
  return copy;
}
