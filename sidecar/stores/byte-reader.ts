import { createHash } from 'node:crypto';

/** Takes bytes off a stream in lengths of its own choosing, and hashes what was taken. */
export interface ByteReader {
  /** Fewer only at the end of the stream. */
  take(length: number): Promise<Buffer>;
  /** Up to and with the next line break, or `most` bytes. */
  takeLine(most: number): Promise<Buffer>;
  /** SHA-256 of everything that was taken so far. */
  checksum(): Buffer;
  /** Lets go of the stream. */
  close(): Promise<void>;
}

export function createByteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = source[Symbol.asyncIterator]();
  const hash = createHash('sha256');
  let waiting: Buffer[] = [];
  let held = 0;

  async function fill(length: number): Promise<void> {
    while (held < length) {
      const step = await chunks.next();
      if (step.done === true) return;
      waiting.push(Buffer.from(step.value));
      held += step.value.length;
    }
  }

  function shift(length: number): Buffer {
    const all = Buffer.concat(waiting);
    const bytes = all.subarray(0, length);
    waiting = [all.subarray(length)];
    held = all.length - bytes.length;
    hash.update(bytes);
    return bytes;
  }

  return {
    async take(length) {
      await fill(length);
      return shift(length);
    },
    async takeLine(most) {
      await fill(most);
      const end = Buffer.concat(waiting).indexOf(0x0a);
      return shift(end < 0 ? most : Math.min(end + 1, most));
    },
    checksum: () => hash.copy().digest(),
    async close() {
      await chunks.return?.();
    },
  };
}
