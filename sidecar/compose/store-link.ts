import type { Config } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Cancel, Clock, Log, StoreHistory } from '../core/ports.ts';
import { ensureDefaultGateway } from '../keys/default-gateway.ts';
import type { KnownState, LastGoodWriter } from '../last-good/writer.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { FileSources } from '../resources/file-source.ts';
import { toRecords } from '../snapshot/to-records.ts';
import { inSlot } from '../stores/data-dir-lock.ts';
import type { CleanUp } from './clean-up.ts';
import type { Foundation } from './foundation.ts';
import { sha256 } from './hashing.ts';
import { createLastGoodState, mayBeOf, type Restored } from './last-good.ts';
import type { Snapshots } from './snapshots.ts';
import { createTokenState, type TokenState } from './state.ts';

/** The state that decisions are made by, and where it comes from. */
export interface StoreLink {
  readonly tokens: TokenState;
  /** How old what is known is, milliseconds. */
  readonly stateAgeMs: () => number;
  /** Where the state comes from, and why not from the store. */
  readonly source: () => StateSource;
  readonly lastGood: () => {
    readonly directory: string;
    readonly written: ReturnType<LastGoodWriter['written']>;
    readonly problem: string | undefined;
  };
}

export type StateSource =
  | { readonly from: 'store' }
  | {
      readonly from: 'last_good';
      /** Of the last read of changes that the state holds. */
      readonly confirmedAtMs: number;
      /** Why the store could not be reached at the last attempt. */
      readonly problem: string;
    };

export interface StoreLinkDeps extends Pick<Foundation, 'lock' | 'keys' | 'keyring' | 'late' | 'keyState'> {
  readonly snapshots: Snapshots;
  readonly sources: FileSources;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly cleanUp: CleanUp;
}

const dayMs = 86_400_000;
const reconnectMs = 2_000;
/** Files that could not be loaded when the store came back are tried again so often. */
const filesRetryMs = 60_000;

/**
 * Joins the store: opens it, loads the resource files, follows its changes, builds the first snapshot. Where it cannot
 * be reached, what was known when it last could is served while it is tried again. Rejects when there is neither.
 */
export async function linkStore(config: Config, deps: StoreLinkDeps): Promise<StoreLink> {
  const { lock, keys, keyring, late, keyState, snapshots, sources, clock, log, cleanUp } = deps;
  const { store } = late;
  const { keeper } = snapshots;
  const directory = inSlot(config.lastGood.path, lock.slot);
  const lastGood = createLastGoodState(config, directory, { keyring, buildFrom: snapshots.buildFrom, clock, log });
  let tokens: TokenState | undefined;
  let writer: LastGoodWriter | undefined;
  let seen: StoreHistory | undefined;
  /** Set while the store has not been joined. */
  let restored: (Restored & { readonly ageMs: () => number }) | undefined;
  let joined = false;
  let problem = '';

  const open = once(async () => {
    await late.open();
    await keyState.open();
    await ensureDefaultGateway({ keyHash: sha256(keys.gateway.reveal()), overlapMs: dayMs }, { store, clock, log });
    // Which history it is, only a page of its log tells.
    seen = await store.changesSince((await store.identity()).revision, 1);
  });
  const loadFiles = once(() => sources.start());
  const tokenState = async (storeId: string): Promise<TokenState> => {
    if (tokens !== undefined) return tokens;
    const made = await createTokenState(config, { ...deps, store, storeId, keeper, onReset: () => writer?.discard() });
    tokens = made;
    cleanUp.add(() => made.stop());
    return made;
  };
  const follow = once(async () => {
    await tokens?.follower.start();
  });
  const build = once(() => keeper.refresh());

  const stateAgeMs = (): number => {
    if (restored !== undefined) return restored.ageMs();
    const readAt = tokens?.follower.lastReadAtMs() ?? Number.NEGATIVE_INFINITY;
    return Math.max(clock.monotonic() - readAt, keeper.behindMs());
  };

  function knownState(): KnownState | undefined {
    const built = keeper.built();
    const ageMs = stateAgeMs();
    if (!joined || built === undefined || !Number.isFinite(ageMs)) return undefined;
    const { storeId, epoch, revision } = built.snapshot;
    const timeline = tokens?.follower.identity().timeline;
    const confirmedAtMs = Math.floor(clock.now() - ageMs);
    return { identity: { storeId, epoch, revision, timeline }, confirmedAtMs, resources: () => toRecords(built) };
  }

  function join(state: TokenState, past: 'known' | 'another' = 'known'): void {
    joined = true;
    restored = undefined;
    if (!config.lastGood.enabled) return;
    const made = lastGood.writer(state, knownState);
    writer = made;
    if (past === 'another') made.discard();
    made.start();
    cleanUp.add(() => made.stop());
  }

  async function startFromStore(): Promise<TokenState> {
    await open();
    await loadFiles();
    const state = await tokenState((await store.identity()).storeId);
    await follow();
    await build();
    join(state);
    return state;
  }

  async function startFromLastGood(error: unknown): Promise<TokenState> {
    if (!isAway(error)) throw error;
    const found = await lastGood.restore(seen);
    if ('problem' in found) {
      if (!config.lastGood.enabled) throw error;
      const detail = `${error.message}; and no last good state can be served: ${found.problem}`;
      throw new CredentialFlowError('store_failed', detail, { cause: error });
    }
    problem = error.message;
    restored = { ...found, ageMs: ageOf(found.confirmedAtMs, clock) };
    const state = await tokenState(found.identity.storeId);
    // A follower that has begun knows more.
    if (!follow.isDone()) state.restore(found.identity, found.tokens);
    keeper.adopt(found.built);
    const { revision } = found.identity;
    const confirmed_at = new Date(found.confirmedAtMs).toISOString();
    log.warn('serving_last_good', { problem, confirmed_at, revision, tokens: found.tokens.length });
    for (const unusable of found.built.snapshot.problems) log.warn('resource_unusable', { ...unusable });
    reconnectLater(state, found.identity);
    return state;
  }

  function reconnectLater(state: TokenState, known: StoreHistory): void {
    later(reconnectMs, async () => {
      let past: 'known' | 'another' = 'known';
      try {
        await open();
        await follow();
        if (!mayBeOf(state.follower.identity(), known)) {
          past = 'another';
          keeper.drop();
        }
        await build();
      } catch (error) {
        const said = problem;
        problem = error instanceof CredentialFlowError ? error.message : 'the store could not be joined';
        if (problem !== said) log.warn('store_not_joined', { problem });
        reconnectLater(state, known);
        return;
      }
      join(state, past);
      log.warn('store_joined', { revision: keeper.current()?.revision, last_good: past });
      loadFilesLater(0);
    });
  }

  /** What is wrong with a file, the sources have said; it does not keep the store's own state from being served. */
  function loadFilesLater(delayMs: number): void {
    later(delayMs, () => loadFiles().catch(() => loadFilesLater(filesRetryMs)));
  }

  let cancelLater: Cancel = () => undefined;
  let stopped = false;
  cleanUp.add(() => {
    stopped = true;
    cancelLater();
  });
  function later(ms: number, task: () => Promise<void>): void {
    if (!stopped) cancelLater = clock.after(ms, () => void task());
  }

  const state = await startFromStore().catch(startFromLastGood);
  return {
    tokens: state,
    stateAgeMs,
    source: () =>
      restored === undefined
        ? { from: 'store' }
        : { from: 'last_good', confirmedAtMs: restored.confirmedAtMs, problem },
    lastGood: () => ({ directory, written: writer?.written(), problem: writer?.problem() }),
  };
}

/** Only a store that does not answer may come back by itself; a wrong key or a newer schema is for the operator. */
function isAway(error: unknown): error is CredentialFlowError {
  return error instanceof CredentialFlowError && error.code === 'store_failed';
}

/** Counted from then, whatever happened to this process meanwhile; a clock that is set back makes nothing younger. */
function ageOf(confirmedAtMs: number, clock: Clock): () => number {
  const sinceStart = clock.monotonic();
  const ageAtStart = clock.now() - confirmedAtMs;
  return () => Math.max(ageAtStart + clock.monotonic() - sinceStart, clock.now() - confirmedAtMs);
}

/** A task that is done when it has succeeded, and is not done again. */
function once(task: () => Promise<void>): (() => Promise<void>) & { readonly isDone: () => boolean } {
  let done = false;
  const run = async (): Promise<void> => {
    if (done) return;
    await task();
    done = true;
  };
  return Object.assign(run, { isDone: () => done });
}
