import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, parse } from 'node:path';
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
  /** 1, or the first free number where the directory is shared: names the files that are this process's alone. */
  readonly slot: number;
  /** Adds to what `server.json` says. */
  update(info: Pick<DataDirHolder, 'listeners'>): void;
  release(): void;
}

/** A `readHolder` elsewhere holds its shared lock for less than this; milliseconds. */
const patienceMs = 1_000;
/** Where a slot that seems taken is none the worse: the next one does. */
const sharedPatienceMs = 20;
/** Processes that may share a directory. */
const maxSlots = 64;

/**
 * One process a data directory, for as long as it lives; or, `shared`, several that have their store elsewhere, each in
 * a slot of its own. The lock is SQLite's own exclusive lock on a small file, which the kernel drops with the process,
 * however it ends; a pid file alone would outlive `kill -9`. Makes the directory with mode 0700. Throws
 * `data_dir_locked` and names the holder.
 */
export function lockDataDir(
  dir: string,
  holder: { readonly command: string; readonly shared?: boolean },
  deps: { readonly clock: Pick<Clock, 'now'> },
): DataDirLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { slot, db } = holder.shared === true ? takeFreeSlot(dir) : takeWhole(dir);
  let info: DataDirHolder = {
    pid: process.pid,
    command: holder.command,
    startedAt: new Date(deps.clock.now()).toISOString(),
  };
  writeHolder(dir, slot, info);
  let released = false;
  return {
    slot,
    update(more) {
      info = { ...info, ...more };
      if (!released) writeHolder(dir, slot, info);
    },
    release() {
      if (released) return;
      released = true;
      // The file goes first: once the lock is free, it is somebody else's.
      rmSync(holderPath(dir, slot), { force: true });
      db.close();
    },
  };
}

/** The process that holds the directory now; undefined: nobody does (a file left by `kill -9` does not count). */
export function readHolder(dir: string): DataDirHolder | undefined {
  return isHeld(dir, 1) ? readHolderFile(dir, 1) : undefined;
}

function takeWhole(dir: string): { readonly slot: number; readonly db: DatabaseSync } {
  const db = takeSlot(dir, 1, patienceMs);
  if (db === undefined) throw locked(dir, 1);
  for (let slot = 2; slot <= maxSlots; slot += 1) {
    if (!existsSync(lockPath(dir, slot)) || !isHeld(dir, slot)) continue;
    db.close();
    throw locked(dir, slot);
  }
  return { slot: 1, db };
}

function takeFreeSlot(dir: string): { readonly slot: number; readonly db: DatabaseSync } {
  for (let slot = 1; slot <= maxSlots; slot += 1) {
    const db = takeSlot(dir, slot, sharedPatienceMs);
    if (db !== undefined) return { slot, db };
  }
  throw locked(dir, 1);
}

/** Undefined: somebody else has it. */
function takeSlot(dir: string, slot: number, waitMs: number): DatabaseSync | undefined {
  const path = lockPath(dir, slot);
  closeSync(openSync(path, 'a', 0o600));
  const db = new DatabaseSync(path, { timeout: waitMs });
  try {
    // No journal on the disk: nothing is ever written.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw storeFault(error);
    return undefined;
  }
}

function locked(dir: string, slot: number): CredentialFlowError {
  return new CredentialFlowError('data_dir_locked', `the data directory is ${describe(readHolderFile(dir, slot))}`);
}

function describe(holder: DataDirHolder | undefined): string {
  return holder === undefined
    ? 'held by another process'
    : `held by pid ${holder.pid} (${holder.command}) since ${holder.startedAt}`;
}

function isHeld(dir: string, slot: number): boolean {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(lockPath(dir, slot), { readOnly: true, timeout: 0 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return isBusy(error);
  } finally {
    db?.close();
  }
}

function lockPath(dir: string, slot: number): string {
  return inSlot(join(dir, 'lock.db'), slot);
}

function holderPath(dir: string, slot: number): string {
  return inSlot(join(dir, 'server.json'), slot);
}

/** The path of a file that each process of a shared directory has for itself: `x.log`, `x-2.log` … */
export function inSlot(path: string, slot: number): string {
  if (slot === 1) return path;
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}-${slot}${ext}`);
}

function writeHolder(dir: string, slot: number, info: DataDirHolder): void {
  const path = holderPath(dir, slot);
  const next = `${path}.${info.pid}.tmp`;
  writeFileSync(next, `${JSON.stringify(info)}\n`, { mode: 0o600 });
  renameSync(next, path);
}

function readHolderFile(dir: string, slot: number): DataDirHolder | undefined {
  try {
    const info: unknown = JSON.parse(readFileSync(holderPath(dir, slot), 'utf8'));
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
