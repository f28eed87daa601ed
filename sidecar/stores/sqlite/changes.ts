import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Change, ChangePage } from '../../core/ports.ts';
import { oldestAgeOf, toChange, toIdentity, type ChangeRow } from '../rows.ts';
import { nowInMs, prepareMeta, prepareQuery } from './rows.ts';

/** A quarter of a millisecond. */
const chunkRows = 30;

/** Reads the change log by whole revisions. Yields to the loop between chunks: one revision can be a bulk apply. */
export function createChangeReader(db: DatabaseSync): (revision: number, limit: number) => Promise<ChangePage> {
  const meta = prepareMeta(db);
  const revisionOfNth = prepareQuery<{ revision: number }>(
    db,
    'SELECT revision FROM changes WHERE revision > ? AND revision <= ? ORDER BY revision, seq LIMIT 1 OFFSET ?',
  );
  const chunk = prepareQuery<ChangeRow>(
    db,
    `SELECT revision, seq, kind, id, cache_key, ${nowInMs} - nullif(at, 0) AS age
     FROM changes
     WHERE (revision, seq) > (?, ?) AND revision <= ? ORDER BY revision, seq LIMIT ${chunkRows}`,
  );

  /** The changes of (revision, completeTo]. Rows of a committed revision never change; they can only be dropped. */
  async function read(
    revision: number,
    completeTo: number,
  ): Promise<{ readonly changes: readonly Change[]; readonly oldestAgeMs: number | undefined }> {
    const changes: Change[] = [];
    let oldestAgeMs: number | undefined;
    // Past every row of the revision itself.
    let after = { revision, seq: Number.MAX_SAFE_INTEGER };
    while (true) {
      const rows = chunk.all(after.revision, after.seq, completeTo);
      for (const row of rows) changes.push(toChange(row));
      // In the order of their revisions: the first are the oldest.
      oldestAgeMs ??= oldestAgeOf(rows);
      const last = rows.at(-1);
      if (last === undefined || rows.length < chunkRows) return { changes, oldestAgeMs };
      after = last;
      await setImmediate();
    }
  }

  return async (revision, limit) => {
    const before = meta();
    const page = { ...toIdentity(before), logFloor: before.log_floor };
    // The reader is behind the log, or ahead of a store that was set back: there is nothing to name.
    if (revision < before.log_floor) return { ...page, changes: [], completeTo: revision };
    if (revision >= before.revision) return { ...page, changes: [], completeTo: before.revision };
    const nth = revisionOfNth.get(revision, before.revision, Math.max(1, limit) - 1);
    const completeTo = nth?.revision ?? before.revision;
    const named = await read(revision, completeTo);
    const { log_floor: logFloor } = meta();
    // Dropped while it was read: what was read may lack something.
    if (revision < logFloor) return { ...page, logFloor, changes: [], completeTo: revision };
    return { ...page, ...named, logFloor, completeTo };
  };
}
