import type { Clock, Log, StoreHistory, StoreIdentity } from '../core/ports.ts';
import type { ResourceRecord } from '../core/resources.ts';
import { encodeHead, encodeResource, encodeToken, type KnownToken } from './content.ts';
import { headName, newResourcesId, resourcesName, type LastGoodFiles } from './files.ts';

/** Writes down what is known while the store can be read. */
export interface LastGoodWriter {
  start(): void;
  /** What was written is of a state that was given up: it must not be used any more. */
  discard(): void;
  /** When what is on disk was confirmed; undefined: nothing was written. */
  readonly written: () => { readonly confirmedAtMs: number; readonly revision: number } | undefined;
  /** Why the last attempt failed. */
  readonly problem: () => string | undefined;
  /** Writes once more, and no more. */
  stop(): Promise<void>;
}

/** All of one moment: everything that a read of changes at `confirmedAtMs` told is in it. */
export interface KnownState {
  readonly identity: StoreHistory;
  readonly confirmedAtMs: number;
  readonly resources: () => Iterable<ResourceRecord>;
}

export interface LastGoodWriterOptions {
  readonly locator: string;
  /** Between two writes, milliseconds. */
  readonly everyMs: number;
  /** Tokens to keep, the hottest first. */
  readonly maxTokens: number;
}

export interface LastGoodWriterDeps {
  readonly files: LastGoodFiles;
  /** Undefined while the state of now is not the store's. */
  readonly state: () => KnownState | undefined;
  /** Of the master key that seals: what is sealed with an older one may not open for long. */
  readonly keyVersion: () => string;
  readonly tokens: (limit: number) => Iterable<KnownToken>;
  /** Gives way to decisions. */
  readonly pace: () => () => Promise<void> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** The resources are written again when they have changed, and not more than a twentieth of the time. */
const shareOfTime = 20;
/** A time that is refreshed for less is not worth a write. */
const worthwhileMs = 1_000;

interface Written extends StoreIdentity {
  readonly resourcesId: string;
  readonly keyVersion: string;
}

export function createLastGoodWriter(options: LastGoodWriterOptions, deps: LastGoodWriterDeps): LastGoodWriter {
  const { files, clock, log } = deps;
  let resources: Written | undefined;
  /** The resources that the head on disk names. */
  let named: string | undefined;
  let resourcesDueAt = Number.NEGATIVE_INFINITY;
  let head: { readonly confirmedAtMs: number; readonly revision: number } | undefined;
  let generation = 0;
  let problem: string | undefined;
  let running: Promise<void> | undefined;
  let cancel = (): void => undefined;

  async function writeResources(state: KnownState, isCurrent: () => boolean): Promise<Written> {
    const began = clock.monotonic();
    const resourcesId = newResourcesId();
    const keyVersion = deps.keyVersion();
    await files.write(resourcesName(resourcesId), map(state.resources(), encodeResource), deps.pace(), isCurrent);
    const now = clock.monotonic();
    resourcesDueAt = now + (now - began) * shareOfTime;
    return { ...state.identity, resourcesId, keyVersion };
  }

  /** The head comes last: until it is there, the one before it and its resources are what a start would take. */
  async function write(final: boolean): Promise<void> {
    const bornIn = generation;
    const isCurrent = (): boolean => bornIn === generation;
    const state = deps.state();
    if (state === undefined) return;
    const { identity, confirmedAtMs } = state;
    let body = resources;
    if (body?.keyVersion !== deps.keyVersion() || !isSame(body, identity)) {
      // A head must not confirm resources that are not those of its time.
      if (!final && clock.monotonic() < resourcesDueAt) return;
      body = await writeResources(state, isCurrent);
      if (!isCurrent()) return;
      resources = body;
    } else if (head !== undefined && confirmedAtMs - head.confirmedAtMs < worthwhileMs) {
      return;
    }
    const { resourcesId } = body;
    const { locator, maxTokens } = options;
    const first = encodeHead({ ...identity, resourcesId, locator, confirmedAtMs });
    await files.write(headName, prepend(first, map(deps.tokens(maxTokens), encodeToken)), deps.pace(), isCurrent);
    // What was written for nothing is removed by whoever discarded it.
    if (!isCurrent()) return;
    head = { confirmedAtMs, revision: identity.revision };
    if (named !== resourcesId) await files.keepOnly([headName, resourcesName(resourcesId)]);
    named = resourcesId;
  }

  async function attempt(final: boolean): Promise<void> {
    try {
      await write(final);
      if (problem !== undefined) log.info('last_good_written_again');
      problem = undefined;
    } catch (error) {
      // Once for each outage.
      if (problem === undefined) log.warn('last_good_unwritten', { error });
      problem = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be written';
    }
  }

  /** One after the other; tasks do not reject. */
  function enqueue(task: () => Promise<void>): Promise<void> {
    const mine = (running ?? Promise.resolve()).then(task).finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  }

  async function removeAll(): Promise<void> {
    try {
      await files.keepOnly([]);
    } catch (error) {
      log.error('last_good_unremoved', { error });
    }
  }

  return {
    start() {
      void enqueue(() => attempt(false));
      cancel = clock.every(options.everyMs, () => {
        if (running === undefined) void enqueue(() => attempt(false));
      });
    },
    discard() {
      generation += 1;
      resources = undefined;
      named = undefined;
      head = undefined;
      resourcesDueAt = Number.NEGATIVE_INFINITY;
      void enqueue(removeAll);
    },
    written: () => head,
    problem: () => problem,
    stop() {
      cancel();
      return enqueue(() => attempt(true));
    },
  };
}

function isSame(a: StoreIdentity, b: StoreIdentity): boolean {
  return a.storeId === b.storeId && a.epoch === b.epoch && a.revision === b.revision;
}

function* map<T, U>(items: Iterable<T>, to: (item: T) => U): Generator<U, void> {
  for (const item of items) yield to(item);
}

function* prepend<T>(first: T, others: Iterable<T>): Generator<T, void> {
  yield first;
  yield* others;
}
