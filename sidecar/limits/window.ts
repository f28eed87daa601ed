import { slotMsOf, slotsPerWindow } from '../core/limit.ts';

/** How many were counted within a window that slides with the time. */
export interface SlidingWindow {
  count(nowMs: number): number;
  /** `units` may be negative: what was counted just now and is given back. */
  add(nowMs: number, units: number): void;
  /** Until the oldest that are counted have left; milliseconds; 0 where nothing is counted. */
  nextLeaveMs(nowMs: number): number;
}

/**
 * Counts in slots. A unit counts for its whole slot and the window after it, so that no window of this length, wherever
 * it begins, ever holds more than was allowed; the price is that a unit counts for up to 1/32 longer. `nowMs` must not
 * run backwards (a monotonic clock); some 300 bytes each.
 */
export function createSlidingWindow(windowMs: number, counted: 'requests' | 'charges' = 'requests'): SlidingWindow {
  const slotMs = slotMsOf(windowMs);
  const size = slotsPerWindow + 1;
  // Four billion requests in a slot are never reached, four billion tokens or micros are.
  const counts = counted === 'requests' ? new Uint32Array(size) : new Float64Array(size);
  let newest = 0;
  let total = 0;

  function advance(nowMs: number): void {
    const slot = Math.floor(nowMs / slotMs);
    if (slot <= newest) return;
    if (slot - newest >= size) {
      counts.fill(0);
      total = 0;
    } else {
      for (let passed = newest + 1; passed <= slot; passed++) {
        total -= counts[passed % size] ?? 0;
        counts[passed % size] = 0;
      }
    }
    newest = slot;
  }

  return {
    count(nowMs) {
      advance(nowMs);
      return total;
    },
    add(nowMs, units) {
      advance(nowMs);
      const at = newest % size;
      const before = counts[at] ?? 0;
      const after = Math.max(0, before + units);
      counts[at] = after;
      total += after - before;
    },
    nextLeaveMs(nowMs) {
      advance(nowMs);
      if (total === 0) return 0;
      for (let slot = newest - slotsPerWindow; slot <= newest; slot++) {
        if (slot >= 0 && (counts[slot % size] ?? 0) > 0) return Math.max(1, (slot + size) * slotMs - nowMs);
      }
      return 0;
    },
  };
}
