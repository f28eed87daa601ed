/** Lines that wait to be written, as bytes: no garbage to keep alive for them, and nothing left to do but to write. */
export interface LineBuffer {
  add(line: string): void;
  /** Lines that wait. */
  lines(): number;
  /** Takes everything out, oldest first. */
  takeAll(): readonly LineChunk[];
  /** Before all that came since: what was taken and could not be written. */
  putBack(chunks: readonly LineChunk[]): void;
  /** The chunk is written; its memory may be used again. */
  recycle(chunk: LineChunk): void;
}

/** Whole lines, each with its line break. */
export interface LineChunk {
  readonly buffer: Buffer;
  /** Bytes of `buffer` that are filled. */
  length: number;
  lines: number;
}

const newline = 0x0a;
/** One UTF-16 unit takes at most three bytes of UTF-8. */
const maxBytesPerUnit = 3;
/** Written chunks that are kept for the next lines: two are filled while two are written; more are for a sink that was slow. */
const maxSpares = 4;

/** `chunkBytes`: what is written at once; a longer line gets a chunk of its own. */
export function createLineBuffer(options: { readonly chunkBytes: number }): LineBuffer {
  let chunks: LineChunk[] = [];
  let last: LineChunk | undefined;
  const spares: Buffer[] = [];
  let lines = 0;

  function chunkFor(bytes: number): LineChunk {
    if (last !== undefined && last.buffer.length - last.length >= bytes) return last;
    const fits = bytes <= options.chunkBytes;
    const buffer = (fits ? spares.pop() : undefined) ?? Buffer.allocUnsafeSlow(fits ? options.chunkBytes : bytes);
    last = { buffer, length: 0, lines: 0 };
    chunks.push(last);
    return last;
  }

  return {
    add(line) {
      const chunk = chunkFor(maxBytesPerUnit * line.length + 1);
      chunk.length += chunk.buffer.write(line, chunk.length);
      chunk.buffer[chunk.length++] = newline;
      chunk.lines++;
      lines++;
    },
    lines: () => lines,
    takeAll() {
      const taken = chunks;
      chunks = [];
      last = undefined;
      lines = 0;
      return taken;
    },
    putBack(back) {
      chunks = [...back, ...chunks];
      for (const chunk of back) lines += chunk.lines;
    },
    recycle({ buffer }) {
      if (buffer.length === options.chunkBytes && spares.length < maxSpares) spares.push(buffer);
    },
  };
}
