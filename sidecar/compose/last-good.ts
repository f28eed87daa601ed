import type { Config } from '../config/config.ts';
import type { Clock, Log, StoreHistory } from '../core/ports.ts';
import { createFrameSealer } from '../keys/sealed-frames.ts';
import type { Keyring } from '../keys/keyring.ts';
import { createLastGoodFiles } from '../last-good/files.ts';
import { readLastGood, type LastGood } from '../last-good/read.ts';
import { createLastGoodWriter, type KnownState, type LastGoodWriter } from '../last-good/writer.ts';
import type { BuiltSnapshot } from '../snapshot/build.ts';
import { createPace } from '../snapshot/pace.ts';
import type { Snapshots } from './snapshots.ts';
import type { TokenState } from './state.ts';

/** What was known when the store could last be read, ready to decide by. */
export interface Restored {
  readonly identity: StoreHistory;
  readonly confirmedAtMs: number;
  readonly built: BuiltSnapshot;
  readonly tokens: LastGood['tokens'];
}

export interface LastGoodState {
  /** A state that may be served, or why there is none. `seen`: the store as it was met before it went away. */
  restore(seen: StoreHistory | undefined): Promise<Restored | { readonly problem: string }>;
  writer(tokens: TokenState, state: () => KnownState | undefined): LastGoodWriter;
}

export interface LastGoodDeps {
  readonly keyring: Keyring;
  readonly buildFrom: Snapshots['buildFrom'];
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 5_000;
/** Some 2 MB. */
const maxTokens = 10_000;
const sliceMs = 0.5;

/** The last-good files, wired. `directory` is this process's alone. */
export function createLastGoodState(config: Config, directory: string, deps: LastGoodDeps): LastGoodState {
  const { clock, log } = deps;
  const locator = locatorOf(config.store.reveal());
  const files = createLastGoodFiles(directory, createFrameSealer(deps.keyring));
  return {
    async restore(seen) {
      if (!config.lastGood.enabled) return { problem: 'it is switched off (last_good.enabled)' };
      const read = await readLastGood({ locator }, { files, clock });
      if ('problem' in read) return read;
      const { resources, tokens, head } = read;
      if (seen !== undefined && !mayBeOf(seen, head))
        return { problem: 'the store is at another epoch, was set back, or failed over' };
      const built = await deps.buildFrom(head, resources);
      const longestMs = Math.max(0, ...[...built.snapshot.upstreams.values()].map(({ maxStaleMs }) => maxStaleMs));
      const { confirmedAtMs } = head;
      if (clock.now() - confirmedAtMs > longestMs) {
        const confirmed = new Date(confirmedAtMs).toISOString();
        return { problem: `it was last confirmed at ${confirmed}, which is longer ago than any upstream's max_stale` };
      }
      return { identity: head, confirmedAtMs, built, tokens };
    },
    writer: (tokens, state) =>
      createLastGoodWriter(
        { locator, everyMs, maxTokens },
        {
          files,
          state,
          keyVersion: () => deps.keyring.current,
          tokens: tokens.hottest,
          pace: () => createPace(clock, sliceMs).step,
          clock,
          log,
        },
      ),
  };
}

/** Whether what was known is of this store's past. */
export function mayBeOf(store: StoreHistory, known: StoreHistory): boolean {
  // A fail-over that lost commits may have passed their revisions again: a higher one proves nothing.
  const isSameHistory = known.timeline === undefined || store.timeline === known.timeline;
  const isSameStore = store.storeId === known.storeId && store.epoch === known.epoch;
  return isSameStore && isSameHistory && store.revision >= known.revision;
}

/** The store that is meant, without user and password: those change, and it is still the same one. */
export function locatorOf(url: string): string {
  if (url.startsWith('sqlite:')) return url;
  const withoutUser = url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1');
  return withoutUser.replace(/([?&])(?:user|password)=[^&#]*/gi, '$1');
}
