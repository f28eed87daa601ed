import type { Cache, Clock, Store, TokenLookup, Validation } from '../core/ports.ts';
import { createBreaker, type BreakerState } from './breaker.ts';
import { createCachedTokens, type CachedTokensDeps } from './cached-tokens.ts';
import type { FollowedStore } from './change-reader.ts';
import type { Freshness } from './freshness.ts';
import { createGate } from './gate.ts';
import type { Observe } from './observe.ts';
import type { ValueSealer } from './sealed-values.ts';
import { createStoredTokens } from './stored-tokens.ts';
import type { TokenL1 } from './token-l1.ts';
import { answerOf, unknownToken } from './token-value.ts';

export interface TokenLookupOptions {
  /** For a whole look-up, waiting included; milliseconds. */
  readonly deadlineMs: number;
  /** For one answer of the cache and of the store; milliseconds. */
  readonly cacheTimeoutMs: number;
  readonly storeTimeoutMs: number;
  /** Look-ups beyond L1 under way at once, and waiting ones beyond them; one more is `overloaded` at once. */
  readonly concurrency: number;
  readonly queue: number;
  /**
   * How long the shared cache keeps a token, and the absence of one, at most (up to a fifth less, so that they do not
   * run out together); milliseconds. L1 keeps them until they change.
   */
  readonly positiveTtlMs: number;
  readonly negativeTtlMs: number;
}

export interface TokenLookupDeps {
  readonly l1: TokenL1;
  readonly cache: Cache;
  readonly sealer: ValueSealer;
  readonly store: Pick<Store, 'findToken'>;
  readonly freshness: Freshness;
  /** The store as the freshness index knows it; changes in the same turn as the index is reset. */
  readonly identity: () => FollowedStore;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly onRejected: CachedTokensDeps['onRejected'];
}

export interface TokenTiers extends TokenLookup {
  /** Of each step beyond L1. */
  breakers(): Readonly<Record<'cache' | 'store', BreakerState>>;
}

const breakerOptions = { failures: 5, openMs: 1_000 } as const;
const overloaded = Object.freeze({ deny: 'overloaded', retryAfterMs: 1_000 } as const);
const tooLate = Object.freeze({ deny: 'deadline_exceeded', retryAfterMs: 1_000 } as const);
const unsettled = Object.freeze({ deny: 'store_unavailable', retryAfterMs: 1_000 } as const);

/** L1 → cache → store. Whatever is returned was fresh, by the index, at the moment it was returned. */
export function createTokenLookup(options: TokenLookupOptions, deps: TokenLookupDeps): TokenTiers {
  const { l1, freshness, clock, observe } = deps;
  const breakers = { cache: createBreaker(breakerOptions, deps), store: createBreaker(breakerOptions, deps) };
  const cached = createCachedTokens(
    { ...options, timeoutMs: options.cacheTimeoutMs },
    { ...deps, breaker: breakers.cache },
  );
  const stored = createStoredTokens({ timeoutMs: options.storeTimeoutMs }, { ...deps, breaker: breakers.store });
  const gate = createGate(options, deps);
  /** One look-up a token at a time; who comes later waits for the same answer. */
  const flights = new Map<string, Promise<Validation>>();

  async function look(sha256: string, deadline: number): Promise<Validation> {
    const fromCache = await cached.read(sha256, deadline - clock.monotonic());
    if (typeof fromCache === 'object') {
      l1.set(sha256, fromCache);
      return fromCache.answer;
    }
    // Read while a change of this very token arrived: once more, then give up. Never a wrong answer.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const generation = freshness.generation();
      const read = await stored.read(sha256, deadline - clock.monotonic());
      if ('deny' in read) return read;
      if (generation === freshness.generation() && freshness.mayUse(sha256, read.asOf)) {
        const entry = { asOf: read.asOf, generation, answer: answerOf(read) };
        l1.set(sha256, entry);
        if (fromCache === 'absent') cached.write(sha256, entry);
        return entry.answer;
      }
      observe('store', 'stale');
    }
    return unsettled;
  }

  async function enterAndLook(
    entry: 'entered' | Promise<'entered' | 'too_late'>,
    sha256: string,
    deadline: number,
  ): Promise<Validation> {
    try {
      if (entry !== 'entered' && (await entry) === 'too_late') return tooLate;
      try {
        return await look(sha256, deadline);
      } finally {
        gate.leave();
      }
    } finally {
      flights.delete(sha256);
    }
  }

  function findCold(sha256: string): Validation | Promise<Validation> {
    const entry = gate.enter(options.deadlineMs);
    if (entry === 'full') return overloaded;
    const flight = enterAndLook(entry, sha256, clock.monotonic() + options.deadlineMs);
    flights.set(sha256, flight);
    return flight;
  }

  return {
    breakers: () => ({ cache: breakers.cache.state(), store: breakers.store.state() }),
    find(sha256, isGenuine) {
      const known = l1.get(sha256);
      if (known !== undefined) {
        if (known.generation === freshness.generation() && freshness.mayUse(sha256, known.asOf)) {
          observe('l1', known.answer === unknownToken ? 'negative' : 'hit');
          return known.answer;
        }
        observe('l1', 'stale');
      }
      const flight = flights.get(sha256);
      if (flight !== undefined) return flight;
      if (!isGenuine()) {
        observe('l1', 'rejected');
        return unknownToken;
      }
      if (known === undefined) observe('l1', 'miss');
      return findCold(sha256);
    },
  };
}
