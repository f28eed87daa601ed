import { LRUCache } from 'lru-cache';
import type { Validation } from '../core/ports.ts';

/** What the process remembers of a token (or of its absence). */
export interface TokenEntry {
  /** Revision of the store at which it was read. */
  readonly asOf: number;
  /** Generation of the freshness index in which it was read. */
  readonly generation: number;
  /** The facts, or `token_unknown`. */
  readonly answer: Validation;
}

/** The first tier: hash of a token → what is known of it. Holds no token. Synchronous. */
export interface TokenL1 {
  get(sha256: string): TokenEntry | undefined;
  set(sha256: string, entry: TokenEntry): void;
  clear(): void;
  /** Known tokens, the most recently used first. */
  hottest(): Iterable<readonly [sha256: string, entry: TokenEntry]>;
  size(): { readonly entries: number; readonly bytes: number };
}

export interface TokenL1Options {
  /** Bound of known tokens, bytes (an estimate of the heap they take). */
  readonly maxBytes: number;
  /**
   * Bound of unknown tokens, bytes, apart: a flood of them cannot push out a known one. Default: a sixteenth of
   * `maxBytes`.
   */
  readonly maxNegativeBytes?: number;
}

/** The text of a hash, the objects, and the places in the LRU's tables (270 bytes), and what the collector leaves unused. */
const entryBytes = 384;
/** A text and its place in a list. */
const scopeBytes = 32;

export function createTokenL1(options: TokenL1Options): TokenL1 {
  const known = createTable(options.maxBytes);
  const unknown = createTable(options.maxNegativeBytes ?? Math.max(entryBytes, Math.floor(options.maxBytes / 16)));

  return {
    get: (sha256) => known.get(sha256) ?? unknown.get(sha256),
    set(sha256, entry) {
      const [to, from] = 'deny' in entry.answer ? [unknown, known] : [known, unknown];
      from.delete(sha256);
      to.set(sha256, entry);
    },
    clear() {
      known.clear();
      unknown.clear();
    },
    hottest: () => known.entries(),
    size: () => ({
      entries: known.size + unknown.size,
      bytes: known.calculatedSize + unknown.calculatedSize,
    }),
  };
}

function createTable(maxBytes: number): LRUCache<string, TokenEntry> {
  return new LRUCache({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: ({ answer }) =>
      'deny' in answer
        ? entryBytes
        : entryBytes +
          2 * (answer.tokenId.length + answer.consumerId.length) +
          (answer.policies ?? []).reduce((bytes, id) => bytes + scopeBytes + 2 * id.length, 0),
  });
}
