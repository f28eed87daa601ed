import { randomBytes } from 'node:crypto';
import type { SharedLocks } from '../core/ports.ts';

/** What a cache does for locks. Each is one step: nobody sees half of it. */
export interface LockTable {
  /** Whether nobody had the key; it is `owner`'s for `ttlMs` then. */
  claim(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Whether it is still `owner`'s; for `ttlMs` from now on then. */
  extend(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Removes it if it is `owner`'s. */
  remove(key: string, owner: string): Promise<void>;
}

const ownerBytes = 16;

export function createSharedLocks(table: LockTable): SharedLocks {
  return {
    async take(name, ttlMs) {
      const key = `lock:${name}`;
      // Anew each time: a release that comes late must not end what was taken since.
      const owner = randomBytes(ownerBytes).toString('base64url');
      if (!(await table.claim(key, owner, ttlMs))) return undefined;
      return {
        renew: () => table.extend(key, owner, ttlMs),
        release: () => table.remove(key, owner),
      };
    },
  };
}
