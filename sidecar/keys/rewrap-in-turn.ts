import type { Clock, HeldLock, SharedLocks } from '../core/ports.ts';
import type { KeyAdministration } from './key-administration.ts';

export interface RewrapTurnDeps {
  readonly locks: SharedLocks;
  /** Sidecars of another store have other secrets. */
  readonly storeId: () => string;
  readonly clock: Clock;
}

/** Longer than a batch takes; who holds the lock and is gone holds nobody up for longer. Milliseconds. */
const ttlMs = 5_000;
const pollMs = 50;
/** Somebody may hold it who is none of us; milliseconds, for each batch. */
const longestWaitMs = 2_000;

/**
 * Two sidecars that seal the same batch anew lose to each other row by row, each row a write of its own. The second one
 * waits for the first, and finds the work done. What is right, the revisions of the rows decide, lock or none.
 */
export function rewrapInTurn(administration: KeyAdministration, deps: RewrapTurnDeps): KeyAdministration {
  return {
    ...administration,
    async rewrap(after, confirmed, actor) {
      const lock = await waitForTurn(deps);
      try {
        return await administration.rewrap(after, confirmed, actor);
      } finally {
        await lock?.release().catch(() => undefined);
      }
    },
  };
}

/** Undefined: nobody could tell, or somebody held it for too long. */
async function waitForTurn({ locks, storeId, clock }: RewrapTurnDeps): Promise<HeldLock | undefined> {
  const giveUpAt = clock.monotonic() + longestWaitMs;
  for (;;) {
    const lock = await locks.take(`rewrap:${storeId()}`, ttlMs).catch(() => 'unknown' as const);
    if (lock === 'unknown') return undefined;
    if (lock !== undefined || clock.monotonic() >= giveUpAt) return lock;
    await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
  }
}
