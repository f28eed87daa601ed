import type { Clock } from '../core/ports.ts';
import type { LockTable } from './shared-locks.ts';

interface Claim {
  readonly owner: string;
  readonly untilMs: number;
}

/** Locks among the parts of one process. `checkOpen` throws once the cache is closed. */
export function createMemoryLockTable(clock: Pick<Clock, 'monotonic'>, checkOpen: () => void): LockTable {
  const claims = new Map<string, Claim>();

  function ownerOf(key: string): string | undefined {
    const claim = claims.get(key);
    if (claim !== undefined && clock.monotonic() < claim.untilMs) return claim.owner;
    claims.delete(key);
    return undefined;
  }

  async function keep(key: string, owner: string, ttlMs: number, from: string | undefined): Promise<boolean> {
    checkOpen();
    if (ownerOf(key) !== from) return false;
    claims.set(key, { owner, untilMs: clock.monotonic() + ttlMs });
    return true;
  }

  return {
    claim: (key, owner, ttlMs) => keep(key, owner, ttlMs, undefined),
    extend: (key, owner, ttlMs) => keep(key, owner, ttlMs, owner),
    async remove(key, owner) {
      checkOpen();
      if (ownerOf(key) === owner) claims.delete(key);
    },
  };
}
