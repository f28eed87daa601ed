import type { Cache, Clock } from '../core/ports.ts';
import type { Breaker } from './breaker.ts';
import type { FollowedStore } from './change-reader.ts';
import type { Freshness } from './freshness.ts';
import type { Observe } from './observe.ts';
import type { ValueSealer } from './sealed-values.ts';
import type { TokenEntry } from './token-l1.ts';
import { decodeAnswer, encodeAnswer, tokenValueKind } from './token-value.ts';
import { timedOut, within } from './within.ts';

/** Token entries in the shared cache, which nobody trusts: sealed on the way in, opened and judged on the way out. */
export interface CachedTokens {
  /**
   * Waits `waitMs` at most; never rejects. `absent`: it answered, and had nothing that may be used.
   * `unavailable`: it was not asked, or did not answer; do not write to it now.
   */
  read(sha256: string, waitMs: number): Promise<TokenEntry | 'absent' | 'unavailable'>;
  /** Returns at once; whether it was written does not matter. */
  write(sha256: string, entry: TokenEntry): void;
}

export interface CachedTokensOptions {
  readonly timeoutMs: number;
  /** How long an entry of a token, and of the absence of one, is kept at most; milliseconds. */
  readonly positiveTtlMs: number;
  readonly negativeTtlMs: number;
}

export interface CachedTokensDeps {
  readonly cache: Cache;
  readonly sealer: ValueSealer;
  readonly freshness: Freshness;
  readonly identity: () => FollowedStore;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Told why a value of the cache was not believed. */
  readonly onRejected: (reason: 'malformed' | 'not_authentic' | 'unreadable') => void;
}

export function createCachedTokens(options: CachedTokensOptions, deps: CachedTokensDeps): CachedTokens {
  const { cache, sealer, freshness, breaker, clock } = deps;

  /** Store, epoch and key version are part of the key: after a change of one of them old values are simply not met. */
  const keyOf = (sha256: string, { storeId, epoch, fork }: FollowedStore): string =>
    `token:${storeId}:${String(epoch)}${fork}:${sealer.keyVersion}:${sha256}`;

  async function read(sha256: string, waitMs: number): Promise<TokenEntry | 'absent' | 'unavailable'> {
    if (!breaker.allows()) return 'unavailable';
    const began = clock.monotonic();
    const identity = deps.identity();
    const generation = freshness.generation();
    const key = keyOf(sha256, identity);
    const observe = (outcome: Parameters<Observe>[1]): void =>
      deps.observe('cache', outcome, clock.monotonic() - began);

    let sealed: string | undefined | typeof timedOut;
    try {
      sealed = await within(clock, Math.min(waitMs, options.timeoutMs), cache.get(key));
    } catch {
      breaker.failed();
      observe('error');
      return 'unavailable';
    }
    if (sealed === timedOut) {
      if (waitMs < options.timeoutMs) breaker.abandoned();
      else breaker.failed();
      observe('timeout');
      return 'unavailable';
    }
    if (sealed === undefined) {
      breaker.succeeded();
      observe('miss');
      return 'absent';
    }
    const opened = sealer.open(tokenValueKind, key, identity, sealed);
    const answer = opened.ok ? decodeAnswer(opened.plaintext) : undefined;
    if (!opened.ok || answer === undefined) {
      // Who tampers is no better than who does not answer: after a few of these nobody spends time on opening more.
      breaker.failed();
      observe('rejected');
      deps.onRejected(opened.ok ? 'unreadable' : opened.reason);
      return 'absent';
    }
    breaker.succeeded();
    // The wait is over: the world may have moved since the value was asked for, and the value may be a replay.
    if (generation !== freshness.generation() || !freshness.mayUse(sha256, opened.asOf)) {
      observe('stale');
      return 'absent';
    }
    observe('deny' in answer ? 'negative' : 'hit');
    return { asOf: opened.asOf, generation, answer };
  }

  function write(sha256: string, entry: TokenEntry): void {
    // A read of an earlier generation must not be sealed under the identity of this one.
    if (entry.generation !== freshness.generation()) return;
    const { storeId, epoch } = deps.identity();
    const key = keyOf(sha256, deps.identity());
    const value = sealer.seal(tokenValueKind, key, { storeId, epoch, asOf: entry.asOf }, encodeAnswer(entry.answer));
    const ttlMs = 'deny' in entry.answer ? options.negativeTtlMs : options.positiveTtlMs;
    // What was filled together does not run out together.
    cache.set(key, value, ttlMs * (1 - Math.random() / 5)).catch(() => {
      breaker.failed();
    });
  }

  return { read, write };
}
