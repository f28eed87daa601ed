import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FrameSealing } from './frame-sealing.ts';

/** Bytes of a frame, about: sealed in a fraction of a millisecond. */
const frameChars = 64 * 1024;

/** The sealed files of one directory: `head`, and the `resources-<id>` that it names. */
export interface LastGoodFiles {
  /** Writes lines under this name, whole or not at all. `mayReplace` is asked at the last moment. */
  write(
    name: string,
    lines: Iterable<string>,
    pace: () => Promise<void> | undefined,
    mayReplace: () => boolean,
  ): Promise<void>;
  /** Undefined where there is no such file. Throws for one that is not whole and ours; messages name the file. */
  read(name: string): Promise<Iterable<string> | undefined>;
  /** Removes every file of ours but the named ones. */
  keepOnly(names: readonly string[]): Promise<void>;
}

export const headName = 'head';
export const resourcesName = (id: string): string => `resources-${id}`;
export const newResourcesId = (): string => randomBytes(8).toString('hex');
const ours = /^(?:head|resources-[0-9a-f]{16})(?:[.]new)?$/;

/** Files of mode 0600 in a directory of mode 0700, sealed: who reads the disk learns their size and age. */
export function createLastGoodFiles(directory: string, sealing: FrameSealing): LastGoodFiles {
  const bindingOf = (name: string): string => `last-good/${name}`;

  return {
    async write(name, lines, pace, mayReplace) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const path = join(directory, name);
      const temporary = `${path}.new`;
      await rm(temporary, { force: true });
      const sequence = sealing.begin(bindingOf(name));
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.write(sequence.head);
        let frame: string[] = [];
        let chars = 0;
        for (const line of lines) {
          if (chars >= frameChars) {
            await file.write(sequence.seal(frame.join('\n'), false));
            frame = [];
            chars = 0;
          }
          frame.push(line);
          chars += line.length + 1;
          const rest = pace();
          if (rest !== undefined) await rest;
        }
        await file.write(sequence.seal(frame.join('\n'), true));
        await file.sync();
      } catch (error) {
        await file.close();
        await rm(temporary, { force: true });
        throw error;
      }
      await file.close();
      if (!mayReplace()) {
        await rm(temporary, { force: true });
        return;
      }
      await rename(temporary, path);
      await syncDirectory(directory);
    },
    async read(name) {
      try {
        return linesOf(sealing.open(bindingOf(name), await readFile(join(directory, name))));
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async keepOnly(names) {
      const present = await readdir(directory).catch(() => []);
      for (const name of present)
        if (ours.test(name) && !names.includes(name)) await rm(join(directory, name), { force: true });
    },
  };
}

function* linesOf(frames: Iterable<string>): Generator<string, void> {
  for (const frame of frames) if (frame !== '') yield* frame.split('\n');
}

/** A rename is on disk only when its directory is (fsync(2)). */
async function syncDirectory(directory: string): Promise<void> {
  const entry = await open(directory, 'r');
  try {
    await entry.sync();
  } finally {
    await entry.close();
  }
}
