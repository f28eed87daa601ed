import { LRUCache } from 'lru-cache';

/** Keeps values within a bound of bytes (as those who set them estimate), the most recently used longest. */
export interface BoundedTable<V> {
  get(key: string): V | undefined;
  set(key: string, value: V, bytes: number): void;
}

export function createBoundedTable<V extends object>(options: { readonly maxBytes: number }): BoundedTable<V> {
  const table = new LRUCache<string, V>({ maxSize: options.maxBytes });
  return {
    get: (key) => table.get(key),
    set(key, value, bytes) {
      table.set(key, value, { size: bytes });
    },
  };
}
