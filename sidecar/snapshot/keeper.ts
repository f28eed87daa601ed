import type { Clock, Log } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';

/** Holds the current snapshot and replaces it as a whole; never builds two at once. */
export interface SnapshotKeeper {
  /** Undefined before the first one, and after {@link SnapshotKeeper.drop} until the next. */
  current(): Snapshot | undefined;
  /** Resolves when a build that began after this call has been swapped in; calls during a build share the next one. */
  refresh(): Promise<void>;
  /** The state is known to be wrong (new epoch): nothing is decided until a new snapshot is there. */
  drop(): void;
  /** Milliseconds for which changes have been known that the snapshot does not hold; 0 when it is up to date. */
  behindMs(): number;
  stop(): void;
}

export interface SnapshotKeeperDeps {
  readonly build: () => Promise<Snapshot>;
  readonly onBuilt: (snapshot: Snapshot, buildMs: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export function createSnapshotKeeper(
  options: { /** Wait after a failed build, milliseconds. */ readonly retryMs: number },
  deps: SnapshotKeeperDeps,
): SnapshotKeeper {
  let current: Snapshot | undefined;
  /** When the first change was known that the snapshot lacks; and the first one that the build under way may lack. */
  let behindSince: number | undefined;
  let missedSince: number | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let generation = 0;
  let stopped = false;

  async function buildOnce(): Promise<void> {
    const began = deps.clock.monotonic();
    const bornIn = generation;
    const snapshot = await deps.build();
    // Dropped meanwhile: what was read belongs to the state that was dropped.
    if (bornIn !== generation || stopped) return;
    current = snapshot;
    behindSince = missedSince;
    missedSince = undefined;
    deps.onBuilt(snapshot, deps.clock.monotonic() - began);
  }

  function start(): Promise<void> {
    const build = buildOnce().finally(() => {
      if (running === build) running = undefined;
    });
    running = build;
    return build;
  }

  function refresh(): Promise<void> {
    if (stopped) return Promise.resolve();
    if (running === undefined) {
      behindSince ??= deps.clock.monotonic();
      return start();
    }
    // A change that arrives during a build is not surely in it.
    missedSince ??= deps.clock.monotonic();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  }

  function refreshLater(): void {
    deps.clock.after(options.retryMs, () => {
      refreshOrRetry().catch(() => undefined);
    });
  }

  async function refreshOrRetry(): Promise<void> {
    try {
      await refresh();
    } catch (error) {
      deps.log.error('snapshot_build_failed', { error });
      if (!stopped) refreshLater();
      throw error;
    }
  }

  return {
    current: () => current,
    refresh: refreshOrRetry,
    drop() {
      generation += 1;
      current = undefined;
    },
    behindMs: () => (behindSince === undefined ? 0 : deps.clock.monotonic() - behindSince),
    stop() {
      stopped = true;
    },
  };
}
