/** A real store with many tokens, and the look-up that the sidecar puts before it. */
import { createFreshness } from '../sidecar/caches/freshness.ts';
import { createCache } from '../sidecar/caches/index.ts';
import { createValueSealer } from '../sidecar/caches/sealed-values.ts';
import { createTokenLookup } from '../sidecar/caches/tiered.ts';
import { createTokenL1 } from '../sidecar/caches/token-l1.ts';
import { sha256 } from '../sidecar/compose/hashing.ts';
import type { Log, Mutation, TokenValidator } from '../sidecar/core/ports.ts';
import { systemClock } from '../sidecar/ops/clock.ts';
import { openStore } from '../sidecar/stores/index.ts';
import { createOpaqueValidator } from '../sidecar/token-validators/opaque.ts';

export interface TokenWorld {
  readonly validator: TokenValidator;
  /** Looks so many tokens up, so that L1 holds them. */
  warm(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Of the form of a genuine one. */
export const tokenAt = (i: number): string => `cf_bench_${String(i).padStart(43, '0')}`;

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const yearMs = 365 * 24 * 3_600_000;

/** Fills an SQLite file with tokens of the consumer `team`. */
export async function createTokenWorld(file: string, tokens: number): Promise<TokenWorld> {
  const deps = { clock: systemClock, log: silent };
  const store = await openStore(`sqlite:${file}`, {}, deps);
  const actor = { name: 'system', action: 'bench' };
  const options = { owner: 'api', actor, prune: false, allowPrune: false, dryRun: false } as const;
  await store.apply(chunks(tokens), options);

  const identity = { ...(await store.identity()), fork: '' };
  const l1 = createTokenL1({ maxBytes: 64 * 1024 * 1024 });
  const freshness = createFreshness({ maxTouched: 200_000, onOverflow: () => l1.clear() });
  freshness.reset(identity.revision);
  const cache = await createCache('memory', { timeoutMs: 50 }, deps);
  const lookup = createTokenLookup(
    {
      deadlineMs: 800,
      cacheTimeoutMs: 50,
      storeTimeoutMs: 400,
      concurrency: 64,
      queue: 1_000,
      positiveTtlMs: 300_000,
      negativeTtlMs: 30_000,
    },
    {
      l1,
      cache,
      sealer: createValueSealer({ masterKey: new Uint8Array(32), keyVersion: 'bench' }),
      store,
      freshness,
      identity: () => identity,
      clock: systemClock,
      observe: () => undefined,
      onRejected: () => undefined,
    },
  );
  const validator = createOpaqueValidator({ lookup, sha256, isGenuine: () => true });
  return {
    validator,
    async warm(count) {
      for (let i = 0; i < count; i++) await validator.validate(tokenAt(i));
    },
    async close() {
      await cache.close();
      await store.close();
    },
  };
}

function* chunks(tokens: number): Iterable<readonly Mutation[]> {
  const now = Date.now();
  for (let from = 0; from < tokens; from += 1_000) {
    yield Array.from({ length: Math.min(1_000, tokens - from) }, (_, i) => ({
      op: 'put_token',
      token: {
        id: `tok_${String(from + i)}`,
        sha256: sha256(tokenAt(from + i)),
        consumer: 'team',
        owner: 'api',
        notBeforeMs: 0,
        expiresAtMs: now + yearMs,
      },
    }));
  }
}
