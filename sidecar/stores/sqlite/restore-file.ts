import { closeSync, copyFileSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CredentialFlowError } from '../../core/error.ts';
import type { StoreCopy, StoreIdentity } from '../../core/ports.ts';
import { openSqliteStore } from '../sqlite.ts';
import type { StoreDeps } from '../store-kind.ts';
import { transfer, type RestoreOptions, type Restored } from '../transfer.ts';
import { storeFault } from './faults.ts';

const sideFiles = ['-wal', '-shm'] as const;

/**
 * The copy is loaded into a file beside the database, which takes its name in one step. The old file gets a second name
 * first. A process that dies leaves the old database or the new one, never none.
 */
export async function restoreFile(
  location: string,
  openCopy: () => Promise<StoreCopy>,
  options: RestoreOptions,
  deps: StoreDeps,
): Promise<Restored> {
  const path = resolve(location);
  const old = existsSync(path) ? await look(path, deps) : undefined;
  if (old?.isEmpty === false && !options.replace) throw new CredentialFlowError('store_not_empty');
  const next = `${path}.restoring`;
  remove(next);
  try {
    const store = await openSqliteStore(next, {}, deps);
    const transferred = await transferInto(store, openCopy, old?.identity?.epoch, options);
    const aside = old === undefined ? undefined : keepAside(path, deps.clock.now());
    takePlace(next, path);
    return { ...transferred, aside };
  } catch (error) {
    remove(next);
    throw storeFault(error);
  }
}

async function transferInto(
  store: Awaited<ReturnType<typeof openSqliteStore>>,
  openCopy: () => Promise<StoreCopy>,
  aboveEpoch: number | undefined,
  options: RestoreOptions,
) {
  try {
    return await transfer(await openCopy(), store, { aboveEpoch, onProgress: options.onProgress });
  } finally {
    await store.close();
  }
}

interface Old {
  /** Undefined for a database that cannot be read: damaged, or of a newer version. */
  readonly identity: StoreIdentity | undefined;
  readonly isEmpty: boolean;
}

/** Opening and closing it also brings its WAL into the file. */
async function look(path: string, deps: StoreDeps): Promise<Old> {
  try {
    const store = await openSqliteStore(path, {}, deps);
    try {
      const identity = await store.identity();
      const { parts } = await store.dump();
      for await (const part of parts) return { identity, isEmpty: identity.revision === 0 && 'end' in part };
      return { identity, isEmpty: false };
    } finally {
      await store.close();
    }
  } catch {
    return { identity: undefined, isEmpty: false };
  }
}

function keepAside(path: string, nowMs: number): string {
  const aside = `${path}.replaced-${new Date(nowMs).toISOString().replace(/[:.]/g, '-')}`;
  for (const suffix of ['', ...sideFiles]) {
    if (existsSync(path + suffix)) secondName(path + suffix, aside + suffix);
  }
  return aside;
}

function secondName(path: string, other: string): void {
  try {
    linkSync(path, other);
  } catch {
    // Some file systems know no links.
    copyFileSync(path, other);
  }
}

function takePlace(next: string, path: string): void {
  // A WAL of the old database must not be met by the new one.
  for (const suffix of sideFiles) rmSync(path + suffix, { force: true });
  renameSync(next, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function remove(path: string): void {
  for (const suffix of ['', ...sideFiles]) rmSync(path + suffix, { force: true });
}
