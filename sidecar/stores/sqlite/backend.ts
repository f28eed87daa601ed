import type { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import type { ApplyChunk, ApplyOptions, StoreCopy, StoreIdentity } from '../../core/ports.ts';
import type { CopyPart } from '../../core/store-copy.ts';
import type { Applied } from '../mutations/declaration.ts';
import type { StoreDeps } from '../store-kind.ts';
import { openForReading } from './connection.ts';
import { collectCopy } from './dump.ts';
import { guarded } from './faults.ts';
import { collectAll, streamAll, type Everything } from './read-all.ts';
import { createChangedCollector, createChangedReader, type Changed } from './read-changed.ts';
import { openWriter, type WriterOptions } from './writer.ts';
import { createInlineWriterPort, type WriterPort } from './writer-port.ts';
import { startWriterThread } from './writer-thread.ts';
import type { Migrated } from './migrate.ts';

type Slices = AsyncIterable<ApplyChunk>;

/** Where a database in a file and one in memory differ. Calls must not overlap, `port` included; see turns.ts. */
export interface Backend {
  readonly migrated: Migrated;
  /** For look-ups. */
  readonly db: DatabaseSync;
  readonly port: WriterPort;
  apply(slices: Slices, options: ApplyOptions, nowMs: number): Promise<Applied>;
  load(copy: StoreCopy, aboveEpoch: number | undefined): Promise<StoreIdentity>;
  readAll(): Promise<Everything>;
  dump(): Promise<StoreCopy>;
  readChanged(since: StoreIdentity, limit: number): Promise<Changed | undefined>;
  /** Whether writes must be held off while `readAll`, `readChanged` or `dump` runs. */
  readonly readsExclusively: boolean;
  close(): Promise<void>;
}

/** Writes in a thread of its own; look-ups here, on a connection that cannot write. */
export async function openFileBackend(options: WriterOptions, deps: StoreDeps): Promise<Backend> {
  const { port, migrated } = await startWriterThread(options, deps);
  try {
    const db = guarded(() => openForReading(options.location));
    const streams = new Set<DatabaseSync>();
    let closed = false;
    /** A connection for one read that lasts. */
    const openStream = (): { readonly db: DatabaseSync; close(): void } => {
      const stream = openForReading(options.location);
      streams.add(stream);
      return {
        db: stream,
        close() {
          // Closing the store may have closed it already.
          if (streams.delete(stream)) stream.close();
        },
      };
    };
    return {
      migrated,
      db,
      port,
      readsExclusively: false,
      apply: (slices, applyOptions, nowMs) => applyStep(port, slices, applyOptions, nowMs),
      load: (copy, aboveEpoch) => loadStep(port, copy, aboveEpoch),
      async readAll() {
        if (closed) throw new CredentialFlowError('store_failed', 'the store is closed');
        return guarded(() => {
          const stream = openStream();
          return streamAll(stream.db, stream.close);
        });
      },
      dump: () => dumpThrough(port),
      readChanged: guarded(() => createChangedReader(db, openStream)),
      async close() {
        closed = true;
        for (const stream of streams) stream.close();
        streams.clear();
        db.close();
        await port.close();
      },
    };
  } catch (error) {
    await port.close();
    throw error;
  }
}

/** One connection for everything, since no second one could open the database. An apply holds the loop. */
export async function openMemoryBackend(options: WriterOptions): Promise<Backend> {
  const { writer, db, migrated } = guarded(() => openWriter(options));
  const port = createInlineWriterPort(writer);
  return {
    migrated,
    db,
    port,
    readsExclusively: true,
    async apply(slices, applyOptions, nowMs) {
      // Look-ups on this connection would see the transaction: it must not outlive a turn of the loop.
      const chunks: ApplyChunk[] = [];
      for await (const slice of slices) chunks.push(slice);
      return port.call('applyWhole', chunks, applyOptions, nowMs);
    },
    async load({ parts, ...head }, aboveEpoch) {
      const all: CopyPart[] = [];
      for await (const part of parts) all.push(part);
      return port.call('loadWhole', head, all, aboveEpoch);
    },
    readAll: () => collectAll(db),
    dump: () => collectCopy(db),
    readChanged: createChangedCollector(db),
    close: () => port.close(),
  };
}

async function applyStep(port: WriterPort, slices: Slices, options: ApplyOptions, nowMs: number): Promise<Applied> {
  await port.call('beginApply', options, nowMs);
  try {
    for await (const slice of slices) await port.call('applyChunk', slice);
    return await port.call('commitApply');
  } catch (error) {
    // The first fault is the one to tell; a dead writer has rolled back by dying.
    await port.call('abortApply').catch(() => undefined);
    throw error;
  }
}

async function loadStep(port: WriterPort, copy: StoreCopy, aboveEpoch: number | undefined): Promise<StoreIdentity> {
  const { parts, ...head } = copy;
  await port.call('beginLoad', head, aboveEpoch);
  try {
    for await (const part of parts) await port.call('loadPart', part);
    return await port.call('commitLoad');
  } catch (error) {
    await port.call('abortLoad').catch(() => undefined);
    throw error;
  }
}

/** A copy that is read in the writer's thread, part by part: writes go on between two parts, and so does the loop here. */
async function dumpThrough(port: WriterPort): Promise<StoreCopy> {
  const { id, head } = await port.call('beginDump');
  return { ...head, parts: pull(port, id) };
}

async function* pull(port: WriterPort, id: number): AsyncGenerator<CopyPart, void> {
  try {
    for (let part = await port.call('dumpPart', id); part !== undefined; part = await port.call('dumpPart', id)) {
      yield part;
    }
  } finally {
    // A writer that is gone has let go of it.
    await port.call('endDump', id).catch(() => undefined);
  }
}
