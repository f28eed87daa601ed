import { createChangeFollower, type ChangeFollower } from '../caches/change-follower.ts';
import { createFreshness } from '../caches/freshness.ts';
import { createCache } from '../caches/index.ts';
import { createValueSealer, type ValueSealer } from '../caches/sealed-values.ts';
import { createTokenLookup, type TokenTiers } from '../caches/tiered.ts';
import { createTokenL1 } from '../caches/token-l1.ts';
import type { Config } from '../config/config.ts';
import type { Cache, Clock, Log, Store, StoreHistory } from '../core/ports.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { KnownToken } from '../last-good/content.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';

/** The path of a token's facts: L1, cache and store, and the follower that keeps them fresh. */
export interface TokenState {
  readonly cache: Cache;
  readonly lookup: TokenTiers;
  readonly follower: ChangeFollower;
  /** Seals what goes into the cache. */
  readonly sealer: ValueSealer;
  /** Tokens that may be used now, the hottest first. */
  hottest(limit: number): readonly KnownToken[];
  /** What was known of this store once; valid until the follower has started. */
  restore(identity: StoreHistory, tokens: readonly KnownToken[]): void;
  /** What of cache and store does not work, for /readyz and `status`. Decisions go on as far as they can. */
  troubles(): readonly string[];
  stop(): Promise<void>;
}

export interface TokenStateDeps {
  readonly store: Store;
  readonly storeId: string;
  readonly keyring: Keyring;
  readonly keeper: SnapshotKeeper;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  /** What was known is of another store, or of another past of it. */
  readonly onReset: () => void;
}

/** A touched key takes about 200 bytes. */
const maxTouchedKeys = 200_000;
const changePageSize = 500;
const positiveTtlMs = 300_000;
const negativeTtlMs = 30_000;

export async function createTokenState(config: Config, deps: TokenStateDeps): Promise<TokenState> {
  const { store, keyring, keeper, metrics, clock, log } = deps;
  const { cacheTimeoutMs: timeoutMs } = config.lookup;
  const cache = await createCache(config.cache.reveal(), { timeoutMs, storeId: deps.storeId }, { clock, log });
  const l1 = createTokenL1({ maxBytes: config.lookup.l1Bytes });
  const freshness = createFreshness({ maxTouched: maxTouchedKeys, onOverflow: l1.clear });
  // A failed build is logged and tried again by the keeper itself.
  const rebuild = (): void => void keeper.refresh().catch(() => undefined);
  const follower = createChangeFollower(
    { pollMs: config.changes.pollMs, pageSize: changePageSize },
    {
      store,
      cache,
      freshness,
      clock,
      log,
      onResourceChanges: rebuild,
      onKnown: (ageMs) => {
        metrics.changeKnown(store.kind, ageMs);
      },
      onReset: () => {
        l1.clear();
        keeper.drop();
        rebuild();
        deps.onReset();
      },
      observe: () => {
        metrics.setRevision(follower.identity().revision, freshness.applied());
      },
    },
  );
  const sealer = sealWithCurrentKey(keyring);
  const lookup = createTokenLookup(
    { ...config.lookup, positiveTtlMs, negativeTtlMs },
    {
      l1,
      cache,
      sealer,
      store,
      freshness,
      identity: () => follower.identity(),
      clock,
      observe: metrics.observeLookup,
      onRejected: metrics.rejectedValue,
    },
  );
  metrics.watchTiers({
    breakers: lookup.breakers,
    connections: () => ({ values: cache.report().connected, hints: cache.report().hints }),
  });
  return {
    cache,
    lookup,
    follower,
    sealer,
    troubles() {
      const { problems, hints } = cache.report();
      return [
        ...problems.map((problem) => `cache: ${problem}; decisions go on without it`),
        ...(hints === false ? ['cache: no hints arrive; changes are seen at the next poll'] : []),
        // Half open, nobody has asked since: that is no trouble, and may last until a token comes that is new here.
        ...(lookup.breakers().store === 'open' ? ['store: look-ups of tokens fail; only known tokens are served'] : []),
      ];
    },
    hottest(limit) {
      // At once: the order changes with every look-up.
      const tokens: KnownToken[] = [];
      for (const [sha256, { asOf, generation, answer }] of l1.hottest()) {
        if (tokens.length >= limit) break;
        const isFresh = generation === freshness.generation() && freshness.mayUse(sha256, asOf);
        if (isFresh && !('deny' in answer)) tokens.push([sha256, answer]);
      }
      return tokens;
    },
    restore(identity, known) {
      follower.assume(identity);
      const generation = freshness.generation();
      for (const [sha256, answer] of known.toReversed()) {
        l1.set(sha256, { asOf: identity.revision, generation, answer });
      }
    },
    async stop() {
      follower.stop();
      await cache.close();
    },
  };
}

/** A retired key may have been retired because somebody else has it: from then on nothing in the cache counts on it. */
function sealWithCurrentKey(keyring: Keyring): ValueSealer {
  const create = (): ValueSealer =>
    createValueSealer({ masterKey: keyring.derive('cache'), keyVersion: keyring.current });
  let sealer = create();
  const now = (): ValueSealer => {
    if (sealer.keyVersion !== keyring.current) sealer = create();
    return sealer;
  };
  return {
    get keyVersion() {
      return now().keyVersion;
    },
    seal: (kind, key, context, plaintext) => now().seal(kind, key, context, plaintext),
    open: (kind, key, context, sealed) => now().open(kind, key, context, sealed),
  };
}
