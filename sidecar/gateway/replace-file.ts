import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Readable by the gateway's own user; what we write holds no secret. */
const newFileMode = 0o644;
const suffix = '.new';
/** A UUID; earlier versions took the number of the process. */
const ownPart = /^(?:\d+|[\da-f-]{36})\.new$/;
/** No writing takes so long; milliseconds. */
const leftAfterMs = 60_000;

/** The text of a file; undefined: there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Puts `text` in the place of a file by a temporary file beside it and a rename, so that no reader sees half of it. A
 * file that holds the text already stays untouched. APISIX compares times of change in whole seconds (facts, 7): the new
 * one is later than the old one by at least one. Returns whether something changed.
 */
export function replaceFile(path: string, text: string): boolean {
  if (readIfThere(path) === text) return false;
  const target = followLink(path);
  const before = statSync(target, { throwIfNoEntry: false });
  const [folder, prefix] = [dirname(target), `.${basename(target)}.`];
  // Nobody else's, not even of a process of the same number in another container.
  const temporary = join(folder, `${prefix}${randomUUID()}${suffix}`);
  try {
    const file = openSync(temporary, 'wx', before?.mode ?? newFileMode);
    try {
      removeLeft(folder, prefix, fstatSync(file).mtimeMs);
      // Not writeSync, which on a disk that is nearly full writes what fits, and says so to nobody.
      writeFileSync(file, text);
      const seconds = Math.floor((before?.mtimeMs ?? 0) / 1_000);
      if (Math.floor(fstatSync(file).mtimeMs / 1_000) <= seconds) futimesSync(file, seconds + 1, seconds + 1);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return true;
}

/** What processes left that were killed. By the clock of the disk, which wrote the times of all of them. */
function removeLeft(folder: string, prefix: string, nowMs: number): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix) || !ownPart.test(name.slice(prefix.length))) continue;
    const left = statSync(join(folder, name), { throwIfNoEntry: false });
    if (left !== undefined && nowMs - left.mtimeMs > leftAfterMs) rmSync(join(folder, name), { force: true });
  }
}

/** A link stays one: what it leads to is replaced. */
function followLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
