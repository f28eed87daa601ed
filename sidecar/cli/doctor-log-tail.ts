import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { LogFile } from '../gateway/doctor/ports.ts';

/** nginx buffers a line only where it is told to; a moment is enough otherwise. Milliseconds. */
const settleMs = 1_000;
const mostBytes = 67_108_864;

/** What is written to the file from now on. A file that became shorter was rotated, and is read from its start. */
export function createLogTail(name: string, path: string): LogFile {
  const sizeOf = (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const from = sizeOf();
  return {
    name,
    async readNew() {
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      try {
        const size = sizeOf();
        const start = size < from ? 0 : from;
        const length = Math.min(size - start, mostBytes);
        const buffer = Buffer.alloc(length);
        const file = openSync(path, 'r');
        try {
          return buffer.toString('utf8', 0, readSync(file, buffer, 0, length, start));
        } finally {
          closeSync(file);
        }
      } catch {
        return undefined;
      }
    },
  };
}
