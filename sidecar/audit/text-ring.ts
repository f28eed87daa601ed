/** The last texts, as bytes in one buffer: nothing that the collector has to look at, however fast they come. */
export interface TextRing {
  /** Keeps a text (not an empty one), in place of the oldest ones where there is no room; returns its place, from 0 to `maxTexts` - 1. */
  add(text: string): number;
  /** The text at a place that {@link TextRing.newestFirst} names. */
  read(place: number): string;
  newestFirst(): Iterable<number>;
  size(): { readonly texts: number; readonly bytes: number };
}

/**
 * Characters over U+00FF lose their upper bits: headers have none. A text longer than `maxBytes` is cut. The buffer takes
 * memory as it is first written.
 */
export function createTextRing({
  maxTexts,
  maxBytes,
}: {
  readonly maxTexts: number;
  readonly maxBytes: number;
}): TextRing {
  const buffer = Buffer.allocUnsafeSlow(maxBytes);
  const starts = new Uint32Array(maxTexts);
  const lengths = new Uint32Array(maxTexts);
  /** Place of the oldest, and how many there are. */
  let first = 0;
  let count = 0;
  /** Where the next one begins. */
  let end = 0;
  let bytes = 0;

  function drop(): void {
    bytes -= lengths[first] ?? 0;
    first = (first + 1) % maxTexts;
    count--;
  }

  /** A text lies in one piece: where the rest of the buffer is too short, it is left unused, and what lies there is old. */
  function makeRoom(length: number): void {
    if (count === maxTexts) drop();
    if (end + length > maxBytes) {
      while (count > 0 && (starts[first] ?? 0) >= end) drop();
      end = 0;
    }
    while (count > 0 && isWithin(starts[first] ?? 0, length)) drop();
  }

  /** The oldest lies at `end` or behind it, or (no wrap since) at the very beginning of what is used. */
  function isWithin(start: number, length: number): boolean {
    return start >= end && start < end + length;
  }

  return {
    add(text) {
      const length = Math.min(text.length, maxBytes);
      makeRoom(length);
      const place = (first + count) % maxTexts;
      buffer.write(text, end, length, 'latin1');
      starts[place] = end;
      lengths[place] = length;
      end += length;
      bytes += length;
      count++;
      return place;
    },
    read(place) {
      const start = starts[place] ?? 0;
      return buffer.toString('latin1', start, start + (lengths[place] ?? 0));
    },
    *newestFirst() {
      for (let at = count - 1; at >= 0; at--) yield (first + at) % maxTexts;
    },
    size: () => ({ texts: count, bytes }),
  };
}
