import type { Counter } from './counter.ts';

/** Longer than the routes that are shipped let a request take; an end that no log told of is taken for one. */
const longestMs = 600_000;
/** Nobody knows when one of them ends. */
const retryAfterMs = 1_000;

/**
 * Requests that are under way, as far as this process knows: it decided on them, and the gateway's log comes to it. The
 * log tells of an end a second or two late.
 */
export function createConcurrencyCounter(): Counter {
  /** Began at; in the order of their beginning. */
  const underWay = new Map<string, number>();

  function forgetLost(nowMs: number): void {
    for (const [id, beganMs] of underWay) {
      if (beganMs + longestMs > nowMs) return;
      underWay.delete(id);
    }
  }

  return {
    take({ most }, { id, atMs }) {
      if (underWay.size >= most) forgetLost(atMs);
      if (underWay.size >= most) return { retryAfterMs, known: true };
      // Without an id its end would never be seen.
      if (id !== '') underWay.set(id, atMs);
      return undefined;
    },
    undo: ({ id }) => void underWay.delete(id),
    look: () => ({ used: underWay.size, freesInMs: underWay.size === 0 ? 0 : retryAfterMs, unshared: 0 }),
    isIdle: () => underWay.size === 0,
    tidy: forgetLost,
    settle: (requestId) => void underWay.delete(requestId),
  };
}
