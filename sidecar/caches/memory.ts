import { LRUCache } from 'lru-cache';
import { cacheFailed, checkValue, type CacheKind } from './kind.ts';
import { createMemoryLockTable } from './memory-locks.ts';
import { createSharedLocks } from './shared-locks.ts';

/** Bytes of keys and values; the least recently used go first. */
const maxBytes = 16 * 1024 * 1024;

interface Held {
  readonly value: string;
  readonly untilMs: number;
}

/** Lives and dies with the process; shares with nobody. */
export const createMemoryCache: CacheKind = async (_url, _options, { clock }) => {
  const held = new LRUCache<string, Held>({
    maxSize: maxBytes,
    sizeCalculation: ({ value }, key) => value.length + key.length + 128,
  });
  const listeners = new Set<(revision: number) => void>();
  let closed = false;

  const checkOpen = (): void => {
    if (closed) throw cacheFailed('The cache is closed.');
  };

  return {
    kind: 'memory',
    async get(key) {
      checkOpen();
      const found = held.get(key);
      if (found === undefined) return undefined;
      if (clock.monotonic() < found.untilMs) return found.value;
      held.delete(key);
      return undefined;
    },
    async set(key, value, ttlMs) {
      checkOpen();
      checkValue(value, ttlMs);
      held.set(key, { value, untilMs: clock.monotonic() + ttlMs });
    },
    async delete(key) {
      checkOpen();
      held.delete(key);
    },
    async publishHint(revision) {
      checkOpen();
      for (const listener of listeners) listener(revision);
    },
    onHint(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    healthy: () => !closed,
    counters: undefined,
    places: undefined,
    locks: createSharedLocks(createMemoryLockTable(clock, checkOpen)),
    report: () => ({ connected: !closed, hints: undefined, problems: [], notes: [], server: {} }),
    async close() {
      closed = true;
      held.clear();
      listeners.clear();
    },
  };
};
