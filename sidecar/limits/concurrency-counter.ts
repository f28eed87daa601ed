import type { Counter } from './counter.ts';
import { createUnderWay } from './under-way.ts';

/** Nobody knows when one of those under way ends. */
export const endsSoonMs = 1_000;

/** Requests under way of this process alone. The gateway's log tells of an end a second or two late. */
export function createConcurrencyCounter(): Counter {
  const underWay = createUnderWay();
  return {
    take({ most }, { id, atMs }) {
      if (underWay.size() >= most) underWay.forgetLost(atMs);
      if (underWay.size() >= most) return { retryAfterMs: endsSoonMs, known: true };
      underWay.begin(id, atMs);
      return undefined;
    },
    undo: ({ id }) => void underWay.end(id),
    look: () => ({ used: underWay.size(), freesInMs: underWay.size() === 0 ? 0 : endsSoonMs, unshared: 0 }),
    isIdle: () => underWay.size() === 0,
    tidy: underWay.forgetLost,
    settle: (requestId) => void underWay.end(requestId),
  };
}
