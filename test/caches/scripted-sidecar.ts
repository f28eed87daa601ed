/** A sidecar reduced to its token look-ups, over a scripted store and whatever cache the test hands in. */
import type { FollowedStore } from '../../sidecar/caches/change-reader.ts';
import { createFreshness, type Freshness } from '../../sidecar/caches/freshness.ts';
import { createCache } from '../../sidecar/caches/index.ts';
import { createValueSealer } from '../../sidecar/caches/sealed-values.ts';
import { createTokenLookup, type TokenLookupOptions, type TokenTiers } from '../../sidecar/caches/tiered.ts';
import { createTokenL1, type TokenL1 } from '../../sidecar/caches/token-l1.ts';
import type { Cache, Clock, Validation } from '../../sidecar/core/ports.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createScriptedStore, hashOf, silentLog, type ScriptedStore } from './scripted.ts';

export interface Sidecar {
  readonly lookup: TokenTiers;
  /** Why values of the cache were not believed. */
  readonly rejected: string[];
  readonly freshness: Freshness;
  readonly l1: TokenL1;
  readonly seen: string[];
  /** `allow`, `revoked`, or the denial's code. */
  ask(name: string, isGenuine?: () => boolean): Promise<string>;
  /** Applies everything the store has committed. */
  follow(): Promise<void>;
  identity: FollowedStore;
}

export interface World {
  readonly clock: Clock;
  readonly store: ScriptedStore;
  readonly cache: Cache;
}

export const outcomeOf = (answer: Validation): string => {
  if ('deny' in answer) return answer.deny;
  return answer.revokedAtMs > 0 ? 'revoked' : 'allow';
};

export async function createWorld(): Promise<World & { readonly clock: FakeClock }> {
  const clock = createFakeClock();
  return { clock, store: createScriptedStore(), cache: await createCache('memory', {}, { clock, log: silentLog }) };
}

export function createSidecar(world: World, options: Partial<TokenLookupOptions> = {}): Sidecar {
  const { store, clock, cache } = world;
  const seen: string[] = [];
  const rejected: string[] = [];
  const l1 = createTokenL1({ maxBytes: 1_000_000 });
  const freshness = createFreshness({ maxTouched: 1_000, onOverflow: () => l1.clear() });
  const sidecar: Sidecar = {
    seen,
    rejected,
    l1,
    freshness,
    identity: { storeId: 'store', epoch: 1, revision: 0, fork: '' },
    async ask(name, isGenuine = () => true) {
      return outcomeOf(await sidecar.lookup.find(hashOf(name), isGenuine));
    },
    async follow() {
      const page = await store.changesSince(freshness.applied(), 1_000);
      freshness.apply(page.changes, page.completeTo);
    },
    lookup: createTokenLookup(
      {
        deadlineMs: 800,
        cacheTimeoutMs: 50,
        storeTimeoutMs: 400,
        concurrency: 4,
        queue: 2,
        positiveTtlMs: 60_000,
        negativeTtlMs: 10_000,
        ...options,
      },
      {
        l1,
        cache,
        sealer: createValueSealer({ masterKey: new Uint8Array(32).fill(1), keyVersion: 'v1' }),
        store,
        freshness,
        identity: () => sidecar.identity,
        clock,
        observe: (tier, outcome) => seen.push(`${tier} ${outcome}`),
        onRejected: (reason) => rejected.push(reason),
      },
    ),
  };
  freshness.reset(store.revision());
  return sidecar;
}
