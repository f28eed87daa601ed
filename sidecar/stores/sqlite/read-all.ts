import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { StoreIdentity } from '../../core/ports.ts';
import type { ResourceRecord } from '../../core/resources.ts';
import { toIdentity, toStoredResource, type ResourceRow } from '../rows.ts';
import { guarded } from './faults.ts';
import { prepareMeta, prepareQuery, selectResources } from './rows.ts';

/** Rows between two turns of the loop: half a millisecond of parsing. */
const chunkRows = 25;

export type Everything = StoreIdentity & { readonly chunks: AsyncIterable<readonly ResourceRecord[]> };

/**
 * Everything of one moment, through a connection of its own whose read transaction is that moment. The connection is
 * closed when the chunks are read, or left; `onClose` says so.
 */
export function streamAll(db: DatabaseSync, onClose: () => void): Everything {
  try {
    db.exec('BEGIN');
    return { ...readIdentity(db), chunks: chunks(db, onClose) };
  } catch (error) {
    onClose();
    throw error;
  }
}

/** The same where there is but one connection: read to the end before it is handed out; the caller holds writes off. */
export async function collectAll(db: DatabaseSync): Promise<Everything> {
  const identity = readIdentity(db);
  const collected: (readonly ResourceRecord[])[] = [];
  for await (const chunk of chunks(db, () => undefined)) collected.push(chunk);
  return { ...identity, chunks: replay(collected) };
}

async function* chunks(db: DatabaseSync, onClose: () => void): AsyncGenerator<readonly ResourceRecord[], void> {
  try {
    const next = guarded(() =>
      prepareQuery<ResourceRow>(
        db,
        `${selectResources} WHERE (r.kind, r.id) > (?, ?) ORDER BY r.kind, r.id LIMIT ${chunkRows}`,
      ),
    );
    let after = { kind: '', id: '' };
    while (true) {
      const { kind, id } = after;
      const records = guarded(() => next.all(kind, id).map(toStoredResource));
      const last = records.at(-1);
      if (last === undefined) return;
      yield records;
      if (records.length < chunkRows) return;
      after = last;
      await setImmediate();
    }
  } finally {
    onClose();
  }
}

async function* replay<T>(items: readonly T[]): AsyncGenerator<T, void> {
  for (const item of items) {
    yield item;
    await setImmediate();
  }
}

export function readIdentity(db: DatabaseSync): StoreIdentity {
  return toIdentity(prepareMeta(db)());
}
