import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import { faultName } from '../fault-name.ts';

/** The location of a database that lives in this process only. */
export const inMemory = ':memory:';

/** How long a writer waits for another process's write (an offline command), milliseconds. */
const writerBusyMs = 5_000;
/** Readers of a WAL only ever wait for a recovery. */
const readerBusyMs = 250;

/** Bytes a WAL keeps on disk after a bulk write. */
const keptWalBytes = 64 * 1024 * 1024;
const writerCacheKib = 32 * 1024;

/** The one connection that writes. Makes the file (mode 0600; its WAL and shared memory take the mode over). */
export function openForWriting(location: string): DatabaseSync {
  if (location === inMemory) return new DatabaseSync(inMemory);
  makeFile(location);
  const db = new DatabaseSync(location, { timeout: writerBusyMs });
  try {
    const mode = db.prepare('PRAGMA journal_mode = WAL').get();
    if (mode?.['journal_mode'] !== 'wal') {
      throw new CredentialFlowError('store_failed', 'the file system of the database does not support WAL');
    }
    db.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -${writerCacheKib};
      PRAGMA journal_size_limit = ${keptWalBytes};
    `);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Born with its mode; one that was there gets it. */
function makeFile(location: string): void {
  try {
    mkdirSync(dirname(location), { recursive: true, mode: 0o700 });
    closeSync(openSync(location, 'a', 0o600));
    chmodSync(location, 0o600);
  } catch (error) {
    throw new CredentialFlowError('store_failed', `cannot open the database ${location} (${faultName(error)})`);
  }
}

export function openForReading(location: string): DatabaseSync {
  return new DatabaseSync(location, { readOnly: true, timeout: readerBusyMs });
}
