import type { Clock } from '../../core/ports.ts';

export interface SeenRequestsOptions {
  /** Ids remembered at least, as long as they are young; twice as many at most. 16 bytes each are set aside. */
  readonly maxIds: number;
  /** How long an id is remembered at least, milliseconds; twice as long at most. */
  readonly windowMs: number;
}

/** Tells repetitions: a batch that the gateway believes lost comes again whole. */
export interface SeenRequests {
  /** True the first time. */
  isNew(requestId: string): boolean;
}

interface Generation {
  /** Open addressing, half full at most; 0: free. */
  readonly slots: Float64Array;
  count: number;
}

/**
 * Two generations of hashes of 53 bits: a Set of half a million strings would take 60 MB, and stand still for 30 ms
 * whenever it grows. That two of a million ids share a hash happens once in 20,000 windows, and costs one entry.
 */
export function createSeenRequests({ maxIds, windowMs }: SeenRequestsOptions, clock: Clock): SeenRequests {
  const slots = 2 ** Math.ceil(Math.log2(2 * maxIds));
  let young = createGeneration(slots);
  let old = createGeneration(slots);
  let bornAt = clock.monotonic();

  function turn(): void {
    [young, old] = [old, young];
    young.slots.fill(0);
    young.count = 0;
    bornAt = clock.monotonic();
  }

  return {
    isNew(requestId) {
      if (young.count >= maxIds) turn();
      else if (clock.monotonic() - bornAt >= windowMs) {
        // Nothing came for long: what the young one holds is old enough as well.
        const isStale = clock.monotonic() - bornAt >= 2 * windowMs;
        turn();
        if (isStale) turn();
      }
      const hash = hashOf(requestId);
      if (has(old, hash)) return false;
      return add(young, hash);
    },
  };
}

function createGeneration(slots: number): Generation {
  return { slots: new Float64Array(slots), count: 0 };
}

function has({ slots }: Generation, hash: number): boolean {
  for (let i = hash % slots.length; slots[i] !== 0; i = (i + 1) % slots.length) if (slots[i] === hash) return true;
  return false;
}

function add(generation: Generation, hash: number): boolean {
  const { slots } = generation;
  let i = hash % slots.length;
  for (; slots[i] !== 0; i = (i + 1) % slots.length) if (slots[i] === hash) return false;
  slots[i] = hash;
  generation.count++;
  return true;
}

/** cyrb53: spreads well and is quick; nobody gains by a collision. Never 0. */
function hashOf(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2_654_435_761);
    b = Math.imul(b ^ code, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  return 4_294_967_296 * (b & 0x1f_ffff) + (a >>> 0) || 1;
}
