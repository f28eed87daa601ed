import type { Change } from '../core/ports.ts';

/**
 * What tells a fresh entry from a stale one without asking the store: the last contiguous revision that was applied,
 * the revision at which each cache key was last touched, and the floor from which that index is complete. No clock
 * takes part.
 */
export interface Freshness {
  /** Takes over every change up to and including revision `completeTo`. */
  apply(changes: readonly Change[], completeTo: number): void;
  /**
   * Whether what was read of a token (`sha256`: of it, hex) at revision `asOf` is still true. Nothing may be used before
   * the first `reset`.
   */
  mayUse(sha256: string, asOf: number): boolean;
  /** Another epoch, or a revision below what was applied: only what is read from `revision` on may be used. */
  reset(revision: number): void;
  /** The last contiguous revision that was applied. */
  applied(): number;
  /** The lowest revision from which the index is complete. */
  floor(): number;
  /** Rises with every `reset`: a revision of an earlier generation cannot be compared with one of today. */
  generation(): number;
  /** Keys in the index. */
  size(): number;
}

export interface FreshnessOptions {
  /** Keys remembered as touched (about 200 bytes each); beyond it the floor rises and all that is cached is dropped. */
  readonly maxTouched: number;
  /** Told when what is cached became unusable as a whole (overflow or reset): drop it, to give back the memory. */
  readonly onOverflow: () => void;
}

const tokenPrefix = 'token:';

/** A token's place in the index is its hash alone: so that neither a decision nor what is known of a token needs another text. */
function placeOf(cacheKey: string): string {
  return cacheKey.startsWith(tokenPrefix) ? cacheKey.slice(tokenPrefix.length) : cacheKey;
}

export function createFreshness(options: FreshnessOptions): Freshness {
  const touched = new Map<string, number>();
  let applied = 0;
  let floor = Number.POSITIVE_INFINITY;
  let generation = 0;

  return {
    apply(changes, completeTo) {
      let overflown = false;
      for (const { cacheKey, revision } of changes) {
        if (cacheKey === '' || overflown) continue;
        const place = placeOf(cacheKey);
        if (revision > (touched.get(place) ?? 0)) touched.set(place, revision);
        overflown = touched.size > options.maxTouched;
      }
      if (completeTo > applied) applied = completeTo;
      if (!overflown) return;
      touched.clear();
      if (applied > floor) floor = applied;
      options.onOverflow();
    },
    mayUse: (sha256, asOf) => asOf >= floor && asOf >= (touched.get(sha256) ?? 0),
    reset(revision) {
      touched.clear();
      applied = revision;
      floor = revision;
      generation += 1;
      options.onOverflow();
    },
    applied: () => applied,
    floor: () => floor,
    generation: () => generation,
    size: () => touched.size,
  };
}
