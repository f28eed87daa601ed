import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { CredentialFlowError } from '../../core/error.ts';
import type { ResourceChange, StoreIdentity } from '../../core/ports.ts';
import { changedResources, followsOn, scannedRows, type ResourceReference } from '../changed-resources.ts';
import { toIdentity, toStoredResource, type ChangeRow, type MetaRow, type ResourceRow } from '../rows.ts';
import { guarded } from './faults.ts';
import { allRows, getRow, selectMeta, selectResources } from './rows.ts';

/** Resources between two turns of the loop. */
const chunkRows = 500;

export type Changed = StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceChange[]> };

/**
 * Resources that changed after `since`, in one read transaction. A few are read at once, on this connection; for more,
 * `openStream` gives a connection of its own, whose transaction lasts until the chunks are read, or left.
 */
export function readChanged(
  db: DatabaseSync,
  since: StoreIdentity,
  limit: number,
  openStream: () => { readonly db: DatabaseSync; close(): void },
): Changed | undefined {
  const few = inTransaction(db, () => {
    const found = findChanged(db, since, limit);
    if (found === undefined || found.references.length > chunkRows) return found;
    return { identity: found.identity, changes: readAll(db, found.references) };
  });
  if (few === undefined) return undefined;
  if ('changes' in few) return { ...few.identity, chunks: oneByOne(few.changes.length === 0 ? [] : [few.changes]) };
  const stream = openStream();
  try {
    stream.db.exec('BEGIN');
    const found = findChanged(stream.db, since, limit);
    if (found === undefined) {
      stream.close();
      return undefined;
    }
    return { ...found.identity, chunks: inChunks(stream, found.references) };
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** The same where there is but one connection, in one turn of the loop; the caller holds writes off. */
export function collectChanged(db: DatabaseSync, since: StoreIdentity, limit: number): Changed | undefined {
  const found = findChanged(db, since, limit);
  return (
    found && { ...found.identity, chunks: oneByOne([...slices(found.references)].map((some) => readAll(db, some))) }
  );
}

function findChanged(
  db: DatabaseSync,
  since: StoreIdentity,
  limit: number,
): { readonly identity: StoreIdentity; readonly references: readonly ResourceReference[] } | undefined {
  const meta = getRow<MetaRow>(db.prepare(selectMeta));
  if (meta === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
  const identity = toIdentity(meta);
  if (!followsOn(meta, since)) return undefined;
  const log = db.prepare('SELECT kind, id FROM changes WHERE revision > ? ORDER BY revision, seq LIMIT ?');
  const rows = allRows<Pick<ChangeRow, 'kind' | 'id'>>(log, since.revision, scannedRows + 1);
  const references = changedResources(rows, limit);
  return references && { identity, references };
}

function readAll(db: DatabaseSync, references: readonly ResourceReference[]): readonly ResourceChange[] {
  const one = db.prepare(`${selectResources} WHERE r.kind = ? AND r.id = ?`);
  return references.map(({ kind, id }) => {
    const row = getRow<ResourceRow>(one, kind, id);
    return { kind, id, record: row && toStoredResource(row) };
  });
}

async function* inChunks(
  stream: { readonly db: DatabaseSync; close(): void },
  references: readonly ResourceReference[],
): AsyncGenerator<readonly ResourceChange[], void> {
  try {
    for (const some of slices(references)) {
      yield guarded(() => readAll(stream.db, some));
      await setImmediate();
    }
  } finally {
    stream.close();
  }
}

async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T, void> {
  for (const item of items) {
    yield item;
    await setImmediate();
  }
}

function* slices(references: readonly ResourceReference[]): Generator<readonly ResourceReference[], void> {
  for (let at = 0; at < references.length; at += chunkRows) yield references.slice(at, at + chunkRows);
}

function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN');
  try {
    return work();
  } finally {
    db.exec('ROLLBACK');
  }
}
