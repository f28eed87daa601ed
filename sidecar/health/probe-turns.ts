import type { Clock, HeldLock, SharedLocks } from '../core/ports.ts';

/** Which of the sidecars looks whether a dead credential works again. */
export interface ProbeTurns {
  /** Whether this one is to look now. Never rejects: where nobody can tell, each looks for itself. */
  take(versionId: string): Promise<boolean>;
  /** This one does not look after it any more. */
  release(versionId: string): void;
  stop(): void;
}

export interface ProbeTurnsDeps {
  readonly locks: SharedLocks;
  /** Sidecars of another store have other credentials. */
  readonly storeId: () => string;
  readonly clock: Clock;
}

/** A sidecar that is gone leaves its turns to the others after this time; milliseconds. */
const ttlMs = 10_000;
const renewMs = 3_000;
/** What is above, each looks after for itself. */
const maxHeld = 256;

/**
 * The first that asks keeps the turn until it releases it or is gone: not for one probe only, or the next sidecar would
 * probe before it has heard what came of it.
 */
export function createProbeTurns({ locks, storeId, clock }: ProbeTurnsDeps): ProbeTurns {
  const held = new Map<string, HeldLock>();
  let stopped = false;

  function renew(versionId: string, lock: HeldLock): void {
    lock.renew().then(
      (isOurs) => {
        if (!isOurs && held.get(versionId) === lock) held.delete(versionId);
      },
      // The cache is away: so are the others' turns.
      () => undefined,
    );
  }

  const stopRenewing = clock.every(renewMs, () => {
    for (const [versionId, lock] of held) renew(versionId, lock);
  });

  /** What cannot be released ends by itself. */
  const end = (lock: HeldLock): void => void lock.release().catch(() => undefined);

  return {
    async take(versionId) {
      if (held.has(versionId) || held.size >= maxHeld) return true;
      let lock: HeldLock | undefined;
      try {
        lock = await locks.take(`probe:${storeId()}:${versionId}`, ttlMs);
      } catch {
        return true;
      }
      if (lock === undefined) return false;
      if (stopped) end(lock);
      else held.set(versionId, lock);
      return true;
    },
    release(versionId) {
      const lock = held.get(versionId);
      if (lock === undefined) return;
      held.delete(versionId);
      end(lock);
    },
    stop() {
      stopped = true;
      stopRenewing();
      for (const lock of held.values()) end(lock);
      held.clear();
    },
  };
}
