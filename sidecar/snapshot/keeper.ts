import type { Clock, Log } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { BuiltSnapshot } from './build.ts';

/** Holds the current snapshot and replaces it as a whole; never builds two at once. */
export interface SnapshotKeeper {
  /** Undefined before the first one, and after {@link SnapshotKeeper.drop} until the next. */
  current(): Snapshot | undefined;
  /** The same, with what it was built of. */
  built(): BuiltSnapshot | undefined;
  /**
   * The store has changed. Resolves when a build that began after this call has been swapped in; calls during a build
   * share the next one.
   */
  refresh(): Promise<void>;
  /** The secret of a credential is another one: the same, without a look at the store. */
  refreshSecret(credentialId: string): Promise<void>;
  /** Takes a snapshot that is not of the store of now; the next refresh builds from scratch. */
  adopt(built: BuiltSnapshot): void;
  /** The state is known to be wrong (new epoch): nothing is decided until a new snapshot is there. */
  drop(): void;
  /** Milliseconds for which changes have been known that the snapshot does not hold; 0 when it is up to date. */
  behindMs(): number;
  stop(): void;
}

/** What a build is for. */
export interface WantedBuild {
  /** The store has changed. */
  readonly changes: boolean;
  /** Credentials whose secret has changed. */
  readonly secrets: ReadonlySet<string>;
}

export interface SnapshotKeeperDeps {
  /** From the one before, or from scratch where there is none. */
  readonly build: (previous: BuiltSnapshot | undefined, wanted: WantedBuild) => Promise<BuiltSnapshot>;
  readonly onBuilt: (built: BuiltSnapshot, buildMs: number, previous: BuiltSnapshot | undefined) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export function createSnapshotKeeper(
  options: { /** Wait after a failed build, milliseconds. */ readonly retryMs: number },
  deps: SnapshotKeeperDeps,
): SnapshotKeeper {
  let current: BuiltSnapshot | undefined;
  let adopted = false;
  const wanted = { changes: false, secrets: new Set<string>() };
  /** When the first change was known that the snapshot lacks; and the first one that the build under way may lack. */
  let behindSince: number | undefined;
  let missedSince: number | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let generation = 0;
  let retrying = false;
  let stopped = false;

  async function buildOnce(): Promise<void> {
    const began = deps.clock.monotonic();
    const bornIn = generation;
    const previous = current;
    const work = { changes: wanted.changes, secrets: new Set(wanted.secrets) };
    wanted.changes = false;
    wanted.secrets.clear();
    if (work.changes) {
      behindSince ??= missedSince;
      missedSince = undefined;
    }
    let built: BuiltSnapshot;
    try {
      built = await deps.build(adopted && work.changes ? undefined : previous, work);
    } catch (error) {
      wanted.changes ||= work.changes;
      for (const id of work.secrets) wanted.secrets.add(id);
      throw error;
    }
    // Dropped meanwhile: what was read belongs to the state that was dropped.
    if (bornIn !== generation || stopped) return;
    current = built;
    if (work.changes) {
      adopted = false;
      behindSince = missedSince;
      missedSince = undefined;
    }
    deps.onBuilt(built, deps.clock.monotonic() - began, previous);
  }

  function start(): Promise<void> {
    const build = buildOnce().finally(() => {
      if (running === build) running = undefined;
    });
    running = build;
    return build;
  }

  function startOrJoin(): Promise<void> {
    if (stopped) return Promise.resolve();
    if (running === undefined) return start();
    // A change that arrives during a build is not surely in it.
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  }

  function refresh(): Promise<void> {
    wanted.changes = true;
    if (running === undefined) behindSince ??= deps.clock.monotonic();
    else missedSince ??= deps.clock.monotonic();
    return orRetry(startOrJoin());
  }

  async function orRetry(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      retryLater(error);
      throw error;
    }
  }

  /** Once for all who waited for the build that failed. */
  function retryLater(error: unknown): void {
    if (retrying || stopped) return;
    retrying = true;
    deps.log.error('snapshot_build_failed', { error });
    deps.clock.after(options.retryMs, () => {
      retrying = false;
      void orRetry(startOrJoin()).catch(() => undefined);
    });
  }

  return {
    current: () => current?.snapshot,
    built: () => current,
    refresh,
    refreshSecret(credentialId) {
      wanted.secrets.add(credentialId);
      return orRetry(startOrJoin());
    },
    adopt(built) {
      current = built;
      adopted = true;
    },
    drop() {
      generation += 1;
      current = undefined;
    },
    behindMs() {
      const since = behindSince ?? missedSince;
      return since === undefined ? 0 : deps.clock.monotonic() - since;
    },
    stop() {
      stopped = true;
    },
  };
}
