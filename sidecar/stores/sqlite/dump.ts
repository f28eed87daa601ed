import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { StoreCopy } from '../../core/ports.ts';
import { copyTableNames, copyTables, maxCopyRows, storeCopyFormat } from '../../core/store-copy.ts';
import type { CopyPart, CopyRow, CopyTable } from '../../core/store-copy.ts';
import { guarded } from './faults.ts';
import { readIdentity } from './read-all.ts';

/** A copy of one moment, through a connection of its own, as `streamAll` in read-all.ts. */
export function streamCopy(db: DatabaseSync, onClose: () => void): StoreCopy {
  try {
    db.exec('BEGIN');
    return { format: storeCopyFormat, ...readIdentity(db), parts: parts(db, onClose) };
  } catch (error) {
    onClose();
    throw error;
  }
}

/** The same where there is but one connection; the caller holds writes off. */
export async function collectCopy(db: DatabaseSync): Promise<StoreCopy> {
  const identity = readIdentity(db);
  const collected: CopyPart[] = [];
  for await (const part of parts(db, () => undefined)) collected.push(part);
  return { format: storeCopyFormat, ...identity, parts: replay(collected) };
}

async function* parts(db: DatabaseSync, onClose: () => void): AsyncGenerator<CopyPart, void> {
  try {
    const end = {} as Record<CopyTable, number>;
    for (const table of copyTableNames) {
      end[table] = 0;
      for (const rows of slices(db, table)) {
        end[table] += rows.length;
        yield { table, rows };
        await setImmediate();
      }
    }
    yield { end };
  } finally {
    onClose();
  }
}

function* slices(db: DatabaseSync, table: CopyTable): Generator<readonly CopyRow[], void> {
  const { columns, orderBy } = copyTables[table];
  const statement = guarded(() =>
    db.prepare(`SELECT ${Object.keys(columns).join(', ')} FROM ${table} ORDER BY ${orderBy}`),
  );
  const rows = guarded(() => statement.iterate());
  while (true) {
    const slice = guarded(() => take(rows, maxCopyRows));
    if (slice.length > 0) yield slice;
    if (slice.length < maxCopyRows) return;
  }
}

function take(rows: Iterator<unknown>, most: number): readonly CopyRow[] {
  const taken: CopyRow[] = [];
  while (taken.length < most) {
    const step = rows.next();
    if (step.done === true) break;
    // A plain object, which crosses threads and compares; SQLite's have no prototype.
    taken.push({ ...(step.value as CopyRow) });
  }
  return taken;
}

async function* replay<T>(items: readonly T[]): AsyncGenerator<T, void> {
  for (const item of items) {
    yield item;
    await setImmediate();
  }
}
