import type { Cache, Cancel, Clock, Log, Store, StoreHistory } from '../core/ports.ts';
import { createChangeReader, type ChangeReaderDeps, type FollowedStore, type ResetReason } from './change-reader.ts';
import type { Freshness } from './freshness.ts';

/** Keeps this process at the store's newest revision: by polling, and at once when somebody hints at a change. */
export interface ChangeFollower {
  /**
   * Reads the log for the first time, then follows it. Rejects when the store cannot be read; may be called again.
   * Build the first snapshot after it: changes from then on are told to `onResourceChanges`.
   */
  start(): Promise<void>;
  /**
   * Resolves when a read that began after this call has been applied; rejects when it failed. Calls during a read
   * share the next one.
   */
  pull(): Promise<void>;
  /** Before {@link ChangeFollower.start}: what is known is of this store at this revision. */
  assume(known: StoreHistory): void;
  readonly identity: () => FollowedStore;
  /** Monotonic time at which the last complete read was asked for; -Infinity before the first. */
  readonly lastReadAtMs: () => number;
  stop(): void;
}

export interface ChangeFollowerOptions {
  /** Milliseconds between two reads. */
  readonly pollMs: number;
  /** Changes to ask for at once. */
  readonly pageSize: number;
  /** Longest wait for one page, milliseconds. Default 5,000. */
  readonly readTimeoutMs?: number;
  /** Revisions before the newest to learn at the start. Default 10,000. */
  readonly warmRevisions?: number;
  /** Shortest time between two reads that hints ask for, milliseconds: who floods us with them gains nothing. Default 20. */
  readonly hintSpacingMs?: number;
}

export interface ChangeFollowerDeps {
  readonly store: Pick<Store, 'identity' | 'changesSince' | 'onCommit' | 'onHint'>;
  readonly cache: Pick<Cache, 'publishHint' | 'onHint'>;
  readonly freshness: Freshness;
  readonly clock: Clock;
  readonly log: Log;
  /** Must not throw. */
  readonly onResourceChanges: ChangeReaderDeps['onResourceChanges'];
  readonly onKnown?: NonNullable<ChangeReaderDeps['onKnown']>;
  /** The store is another one, or its log no longer reaches back to us: read everything anew. Must not throw. */
  readonly onReset: (reason: ResetReason) => void;
  readonly observe?: (outcome: 'read' | 'error', durationMs: number) => void;
}

const ignore = (): void => undefined;

export function createChangeFollower(options: ChangeFollowerOptions, deps: ChangeFollowerDeps): ChangeFollower {
  const { store, cache, freshness, clock, log } = deps;
  const reader = createChangeReader(
    {
      pageSize: options.pageSize,
      readTimeoutMs: options.readTimeoutMs ?? 5_000,
      warmRevisions: options.warmRevisions ?? 10_000,
    },
    {
      ...deps,
      onReset(reason, { storeId, epoch, revision }) {
        log.warn('state_reset', { reason, store_id: storeId, epoch, revision });
        deps.onReset(reason);
      },
    },
  );
  const spacingMs = options.hintSpacingMs ?? 20;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let cancels: readonly Cancel[] = [];
  let failing = false;
  let stopped = false;

  async function read(): Promise<void> {
    const began = clock.monotonic();
    try {
      await reader.catchUp();
    } catch (error) {
      deps.observe?.('error', clock.monotonic() - began);
      // Once for each outage, not once for each poll.
      if (!failing) log.warn('changes_unreadable', { error });
      failing = true;
      throw error;
    }
    deps.observe?.('read', clock.monotonic() - began);
    if (failing) log.info('changes_readable_again', { revision: freshness.applied() });
    failing = false;
  }

  function begin(): Promise<void> {
    if (stopped) return Promise.resolve();
    running = read().finally(() => {
      running = undefined;
    });
    return running;
  }

  function pull(): Promise<void> {
    if (running === undefined) return begin();
    next ??= running.catch(ignore).then(() => {
      next = undefined;
      return begin();
    });
    return next;
  }

  const pullQuietly = (): void => void pull().catch(ignore);

  const followHints = createSpaced(spacingMs, clock, pullQuietly);
  const onHint = (revision: number): void => {
    if (revision > freshness.applied()) followHints();
  };
  const publish = createLatest((revision) => cache.publishHint(revision));

  async function start(): Promise<void> {
    await reader.begin();
    if (stopped) return;
    cancels = [
      clock.every(options.pollMs, () => {
        // A read under way will be followed by the next poll soon enough.
        if (running === undefined) pullQuietly();
      }),
      cache.onHint(onHint),
      store.onHint?.(onHint) ?? ignore,
      store.onCommit((revision) => {
        publish(revision);
        pullQuietly();
      }),
    ];
  }

  return {
    start,
    pull,
    assume: reader.assume,
    identity: reader.identity,
    lastReadAtMs: reader.lastReadAtMs,
    stop() {
      stopped = true;
      for (const cancel of cancels) cancel();
      cancels = [];
    },
  };
}

/** Runs at the first call, then once more for all calls of the next `spacingMs`. */
function createSpaced(spacingMs: number, clock: Clock, run: () => void): () => void {
  let resting = false;
  let again = false;
  return function call() {
    if (resting) {
      again = true;
      return;
    }
    resting = true;
    run();
    clock.after(spacingMs, () => {
      resting = false;
      if (!again) return;
      again = false;
      call();
    });
  };
}

/** One publication at a time, and only of the newest revision; failures do not matter, polling covers them. */
function createLatest(publish: (revision: number) => Promise<void>): (revision: number) => void {
  let busy = false;
  let latest = 0;
  let published = 0;

  async function drain(): Promise<void> {
    busy = true;
    while (published !== latest) {
      published = latest;
      await publish(latest).catch(ignore);
    }
    busy = false;
  }

  return (revision) => {
    latest = revision;
    if (!busy) void drain();
  };
}
