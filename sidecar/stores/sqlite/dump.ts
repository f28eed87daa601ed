import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { CredentialFlowError } from '../../core/error.ts';
import type { StoreCopy } from '../../core/ports.ts';
import { copyTableNames, copyTables, maxCopyRows, storeCopyFormat } from '../../core/store-copy.ts';
import type { CopyPart, CopyRow, CopyTable } from '../../core/store-copy.ts';
import type { CopyHead } from '../copy-intake.ts';
import { openForReading } from './connection.ts';
import { readIdentity } from './read-all.ts';

/** Copies under way, each through a connection of its own whose read transaction is its moment. */
export interface Dumps {
  /** The id is for the other two. */
  begin(): { readonly id: number; readonly head: CopyHead };
  /** Undefined after the last. Throws `store_failed` for a copy that was ended. */
  next(id: number): CopyPart | undefined;
  end(id: number): void;
  endAll(): void;
}

export function createDumps(location: string): Dumps {
  const open = new Map<number, { readonly db: DatabaseSync; readonly parts: Iterator<CopyPart, void> }>();
  let lastId = 0;

  function end(id: number): void {
    open.get(id)?.db.close();
    open.delete(id);
  }

  return {
    begin() {
      const db = openForReading(location);
      try {
        db.exec('BEGIN');
        const head = readHead(db);
        lastId += 1;
        open.set(lastId, { db, parts: copyParts(db) });
        return { id: lastId, head };
      } catch (error) {
        db.close();
        throw error;
      }
    },
    next(id) {
      const step = open.get(id)?.parts.next();
      if (step === undefined) throw new CredentialFlowError('store_failed', 'the copy was ended');
      return step.done === true ? undefined : step.value;
    },
    end,
    endAll() {
      for (const id of [...open.keys()]) end(id);
    },
  };
}

/** Where there is but one connection: read to the end before it is handed out; the caller holds writes off. */
export async function collectCopy(db: DatabaseSync): Promise<StoreCopy> {
  const head = readHead(db);
  const collected: CopyPart[] = [];
  for (const part of copyParts(db)) {
    collected.push(part);
    await setImmediate();
  }
  return { ...head, parts: replay(collected) };
}

function readHead(db: DatabaseSync): CopyHead {
  return { format: storeCopyFormat, ...readIdentity(db) };
}

function* copyParts(db: DatabaseSync): Generator<CopyPart, void> {
  const end = {} as Record<CopyTable, number>;
  for (const table of copyTableNames) {
    end[table] = 0;
    for (const rows of slices(db, table)) {
      end[table] += rows.length;
      yield { table, rows };
    }
  }
  yield { end };
}

function* slices(db: DatabaseSync, table: CopyTable): Generator<readonly CopyRow[], void> {
  const { columns, orderBy } = copyTables[table];
  const rows = db.prepare(`SELECT ${Object.keys(columns).join(', ')} FROM ${table} ORDER BY ${orderBy}`).iterate();
  while (true) {
    const slice = take(rows, maxCopyRows);
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
