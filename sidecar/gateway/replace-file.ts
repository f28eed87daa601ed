import {
  closeSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Readable by the gateway's own user; what we write holds no secret. */
const newFileMode = 0o644;

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
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
  // What a process of this number left that was killed: in a container it is always the same one.
  rmSync(temporary, { force: true });
  try {
    const file = openSync(temporary, 'wx', before?.mode ?? newFileMode);
    try {
      writeSync(file, text);
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

/** A link stays one: what it leads to is replaced. */
function followLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
