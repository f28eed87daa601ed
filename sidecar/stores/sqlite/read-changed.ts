import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { ResourceChange, StoreIdentity } from '../../core/ports.ts';
import { distinctResources, followsOn, scannedRows, type ResourceReference } from '../changed-resources.ts';
import { toIdentity, toStoredResource, type ChangeRow } from '../rows.ts';
import { guarded } from './faults.ts';
import { prepareMeta, prepareQuery, prepareResource } from './rows.ts';

/** Resources between two turns of the loop: a quarter of a millisecond, since each is looked up by itself. */
const chunkRows = 10;
/** Rows of the log at once. */
const logRows = 30;

export type Changed = StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceChange[]> };

type LogRow = Pick<ChangeRow, 'revision' | 'seq' | 'kind' | 'id'>;
const afterEverySeq = Number.MAX_SAFE_INTEGER;

/** A connection for one read. */
interface Stream {
  readonly db: DatabaseSync;
  close(): void;
}

type ReadChanged = (since: StoreIdentity, limit: number) => Promise<Changed | undefined>;

/**
 * Resources that changed after a revision, in one read transaction. A few are read at once, on this connection; for more,
 * `openStream` gives a connection of its own, whose transaction lasts until the chunks are read, or left.
 */
export function createChangedReader(db: DatabaseSync, openStream: () => Stream): ReadChanged {
  const queries = prepareQueries(db);
  return async (since, limit) => {
    const few = inTransaction(db, () => {
      const identity = follows(queries, since);
      const rows = identity && queries.log.all(since.revision, afterEverySeq, chunkRows + 1);
      if (identity === undefined || rows === undefined || rows.length > chunkRows) return identity && 'many';
      const references = distinctResources(rows);
      return references.length > limit ? undefined : { identity, changes: readAll(queries, references) };
    });
    if (few === undefined) return undefined;
    if (few !== 'many') return { ...few.identity, chunks: oneByOne(few.changes.length === 0 ? [] : [few.changes]) };
    const stream = openStream();
    let found: Changed | undefined;
    try {
      stream.db.exec('BEGIN');
      found = await findMany(prepareQueries(stream.db), since, limit, stream.close);
      return found;
    } finally {
      if (found === undefined) stream.close();
    }
  };
}

/** The same where there is but one connection; the caller holds writes off. */
export function createChangedCollector(db: DatabaseSync): ReadChanged {
  const queries = prepareQueries(db);
  return async (since, limit) => {
    const found = await findMany(queries, since, limit, () => undefined);
    if (found === undefined) return undefined;
    const { chunks, ...identity } = found;
    const collected: (readonly ResourceChange[])[] = [];
    for await (const chunk of chunks) collected.push(chunk);
    return { ...identity, chunks: oneByOne(collected) };
  };
}

type Queries = ReturnType<typeof prepareQueries>;

function prepareQueries(db: DatabaseSync) {
  return {
    meta: prepareMeta(db),
    log: prepareQuery<LogRow>(
      db,
      'SELECT revision, seq, kind, id FROM changes WHERE (revision, seq) > (?, ?) ORDER BY revision, seq LIMIT ?',
    ),
    resource: prepareResource(db),
  };
}

/** Undefined: the log of this store does not tell what has changed since. */
function follows(queries: Queries, since: StoreIdentity): StoreIdentity | undefined {
  const meta = queries.meta();
  return followsOn(meta, since) ? toIdentity(meta) : undefined;
}

async function findMany(
  queries: Queries,
  since: StoreIdentity,
  limit: number,
  onEnd: () => void,
): Promise<Changed | undefined> {
  const identity = follows(queries, since);
  if (identity === undefined) return undefined;
  const references = new Map<string, ResourceReference>();
  let after = { revision: since.revision, seq: afterEverySeq };
  for (let scanned = 0; scanned <= scannedRows && references.size <= limit; scanned += logRows) {
    const rows = guarded(() => queries.log.all(after.revision, after.seq, logRows));
    for (const row of distinctResources(rows)) references.set(`${row.kind}/${row.id}`, row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < logRows) {
      if (references.size > limit) return undefined;
      return { ...identity, chunks: inChunks(queries, [...references.values()], onEnd) };
    }
    after = last;
    await setImmediate();
  }
  return undefined;
}

function readAll(queries: Queries, references: readonly ResourceReference[]): readonly ResourceChange[] {
  return references.map(({ kind, id }) => {
    const row = queries.resource.get(kind, id);
    return { kind, id, record: row && toStoredResource(row) };
  });
}

async function* inChunks(
  queries: Queries,
  references: readonly ResourceReference[],
  onEnd: () => void,
): AsyncGenerator<readonly ResourceChange[], void> {
  try {
    for (const some of slices(references)) {
      yield guarded(() => readAll(queries, some));
      await setImmediate();
    }
  } finally {
    onEnd();
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
