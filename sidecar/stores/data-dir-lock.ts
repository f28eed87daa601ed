import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../core/error.ts';
import type { Clock } from '../core/ports.ts';
import { isBusy, storeFault } from './sqlite/faults.ts';

/** Who holds a data directory, as `server.json` says. */
export interface DataDirHolder {
  readonly pid: number;
  /** What was typed, e.g. `credentialflow serve`. */
  readonly command: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Bound addresses by name (`data`, `admin`, `metrics`), once they are known. */
  readonly listeners?: Readonly<Record<string, string>>;
}

export interface DataDirLock {
  /** Adds to what `server.json` says. */
  update(info: Pick<DataDirHolder, 'listeners'>): void;
  release(): void;
}

/** A `readHolder` elsewhere holds its shared lock for less than this; milliseconds. */
const patienceMs = 1_000;

/**
 * One process a data directory, for as long as it lives. The lock is SQLite's own exclusive lock on a small file, which
 * the kernel drops with the process, however it ends; a pid file alone would outlive `kill -9`. Makes the directory
 * with mode 0700. Throws `data_dir_locked` and names the holder.
 */
export function lockDataDir(
  dir: string,
  holder: { readonly command: string },
  deps: { readonly clock: Pick<Clock, 'now'> },
): DataDirLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const db = takeLock(dir);
  let info: DataDirHolder = {
    pid: process.pid,
    command: holder.command,
    startedAt: new Date(deps.clock.now()).toISOString(),
  };
  writeHolder(dir, info);
  let released = false;
  return {
    update(more) {
      info = { ...info, ...more };
      if (!released) writeHolder(dir, info);
    },
    release() {
      if (released) return;
      released = true;
      // The file goes first: once the lock is free, it is somebody else's.
      rmSync(holderPath(dir), { force: true });
      db.close();
    },
  };
}

/** The process that holds the directory now; undefined: nobody does (a file left by `kill -9` does not count). */
export function readHolder(dir: string): DataDirHolder | undefined {
  return isHeld(dir) ? readHolderFile(dir) : undefined;
}

function takeLock(dir: string): DatabaseSync {
  const path = join(dir, 'lock.db');
  closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path, { timeout: patienceMs });
  try {
    // No journal on the disk: nothing is ever written.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw storeFault(error);
    throw new CredentialFlowError('data_dir_locked', `the data directory is ${describe(readHolderFile(dir))}`);
  }
}

function describe(holder: DataDirHolder | undefined): string {
  return holder === undefined
    ? 'held by another process'
    : `held by pid ${holder.pid} (${holder.command}) since ${holder.startedAt}`;
}

function isHeld(dir: string): boolean {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(dir, 'lock.db'), { readOnly: true, timeout: 0 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return isBusy(error);
  } finally {
    db?.close();
  }
}

function holderPath(dir: string): string {
  return join(dir, 'server.json');
}

function writeHolder(dir: string, info: DataDirHolder): void {
  const next = `${holderPath(dir)}.${info.pid}.tmp`;
  writeFileSync(next, `${JSON.stringify(info)}\n`, { mode: 0o600 });
  renameSync(next, holderPath(dir));
}

function readHolderFile(dir: string): DataDirHolder | undefined {
  try {
    const info: unknown = JSON.parse(readFileSync(holderPath(dir), 'utf8'));
    return isHolder(info) ? info : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(info: unknown): info is DataDirHolder {
  if (typeof info !== 'object' || info === null) return false;
  const { pid, command, startedAt } = info as Partial<Record<keyof DataDirHolder, unknown>>;
  return typeof pid === 'number' && typeof command === 'string' && typeof startedAt === 'string';
}
