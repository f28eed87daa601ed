import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { CredentialFlowError } from '../../core/error.ts';
import type { ResourceChange, StoreIdentity } from '../../core/ports.ts';
import { distinctResources, followsOn, scannedRows, type ResourceReference } from '../changed-resources.ts';
import { toIdentity, toStoredResource, type ChangeRow, type MetaRow, type ResourceRow } from '../rows.ts';
import { guarded } from './faults.ts';
import { allRows, getRow, selectMeta, selectResources } from './rows.ts';

/** Resources between two turns of the loop: a quarter of a millisecond, since each is looked up by itself. */
const chunkRows = 10;
/** Rows of the log at once. */
const logRows = 100;

export type Changed = StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceChange[]> };

type LogRow = Pick<ChangeRow, 'revision' | 'seq' | 'kind' | 'id'>;
const afterEverySeq = Number.MAX_SAFE_INTEGER;

/** A connection for one read. */
interface Stream {
  readonly db: DatabaseSync;
  close(): void;
}

/**
 * Resources that changed after `since`, in one read transaction. A few are read at once, on this connection; for more,
 * `openStream` gives a connection of its own, whose transaction lasts until the chunks are read, or left.
 */
export async function readChanged(
  db: DatabaseSync,
  since: StoreIdentity,
  limit: number,
  openStream: () => Stream,
): Promise<Changed | undefined> {
  const few = inTransaction(db, () => {
    const identity = follows(db, since);
    const rows = identity && logAfter(db, { revision: since.revision, seq: afterEverySeq }, chunkRows + 1);
    if (identity === undefined || rows === undefined || rows.length > chunkRows) return identity && 'many';
    const references = distinctResources(rows);
    return references.length > limit ? undefined : { identity, changes: readAll(db, references) };
  });
  if (few === undefined) return undefined;
  if (few !== 'many') return { ...few.identity, chunks: oneByOne(few.changes.length === 0 ? [] : [few.changes]) };
  const stream = openStream();
  let found: Changed | undefined;
  try {
    stream.db.exec('BEGIN');
    found = await findMany(stream, since, limit);
    return found;
  } finally {
    if (found === undefined) stream.close();
  }
}

/** The same where there is but one connection; the caller holds writes off. */
export async function collectChanged(
  db: DatabaseSync,
  since: StoreIdentity,
  limit: number,
): Promise<Changed | undefined> {
  const found = await findMany({ db, close: () => undefined }, since, limit);
  if (found === undefined) return undefined;
  const { chunks, ...identity } = found;
  const collected: (readonly ResourceChange[])[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return { ...identity, chunks: oneByOne(collected) };
}

/** Undefined: the log of this store does not tell what has changed since. */
function follows(db: DatabaseSync, since: StoreIdentity): StoreIdentity | undefined {
  const meta = getRow<MetaRow>(db.prepare(selectMeta));
  if (meta === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
  return followsOn(meta, since) ? toIdentity(meta) : undefined;
}

async function findMany(stream: Stream, since: StoreIdentity, limit: number): Promise<Changed | undefined> {
  const { db } = stream;
  const identity = follows(db, since);
  if (identity === undefined) return undefined;
  const references = new Map<string, ResourceReference>();
  let after = { revision: since.revision, seq: afterEverySeq };
  for (let scanned = 0; scanned <= scannedRows && references.size <= limit; scanned += logRows) {
    const rows = guarded(() => logAfter(db, after, logRows));
    for (const row of distinctResources(rows)) references.set(`${row.kind}/${row.id}`, row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < logRows) {
      return references.size > limit ? undefined : { ...identity, chunks: inChunks(stream, [...references.values()]) };
    }
    after = last;
    await setImmediate();
  }
  return undefined;
}

function logAfter(db: DatabaseSync, after: Pick<ChangeRow, 'revision' | 'seq'>, limit: number): readonly LogRow[] {
  const log = db.prepare(
    'SELECT revision, seq, kind, id FROM changes WHERE (revision, seq) > (?, ?) ORDER BY revision, seq LIMIT ?',
  );
  return allRows<LogRow>(log, after.revision, after.seq, limit);
}

function readAll(db: DatabaseSync, references: readonly ResourceReference[]): readonly ResourceChange[] {
  const one = db.prepare(`${selectResources} WHERE r.kind = ? AND r.id = ?`);
  return references.map(({ kind, id }) => {
    const row = getRow<ResourceRow>(one, kind, id);
    return { kind, id, record: row && toStoredResource(row) };
  });
}

async function* inChunks(
  stream: Stream,
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
