import type { Clock, Store, TokenRead } from '../core/ports.ts';
import type { DenialCode } from '../core/codes.ts';
import type { Breaker } from './breaker.ts';
import type { Observe } from './observe.ts';
import { timedOut, within } from './within.ts';

export interface Unanswered {
  readonly deny: DenialCode;
  readonly retryAfterMs: number;
}

/** Reads of tokens from the store of record: bounded in time, and not tried while it is known to be away. */
export interface StoredTokens {
  /** Waits `waitMs` at most; never rejects. */
  read(sha256: string, waitMs: number): Promise<TokenRead | Unanswered>;
}

export interface StoredTokensDeps {
  readonly store: Pick<Store, 'findToken'>;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly observe: Observe;
}

const retryAfterMs = 1_000;

export function createStoredTokens(options: { readonly timeoutMs: number }, deps: StoredTokensDeps): StoredTokens {
  const { store, breaker, clock } = deps;
  return {
    async read(sha256, waitMs) {
      if (waitMs <= 0) return { deny: 'deadline_exceeded', retryAfterMs };
      if (!breaker.allows()) {
        return { deny: 'store_unavailable', retryAfterMs: Math.max(retryAfterMs, breaker.retryInMs()) };
      }
      const began = clock.monotonic();
      const observe = (outcome: Parameters<Observe>[1]): void =>
        deps.observe('store', outcome, clock.monotonic() - began);
      try {
        const asked = store.findToken(sha256);
        const read = asked instanceof Promise ? await within(clock, Math.min(waitMs, options.timeoutMs), asked) : asked;
        if (read !== timedOut) {
          breaker.succeeded();
          observe(read.token === undefined ? 'negative' : 'hit');
          return read;
        }
        observe('timeout');
        if (waitMs >= options.timeoutMs) {
          breaker.failed();
          return { deny: 'store_unavailable', retryAfterMs };
        }
        // What was left of the deadline was less than the store may take: no fault of the store.
        breaker.abandoned();
        return { deny: 'deadline_exceeded', retryAfterMs };
      } catch {
        breaker.failed();
        observe('error');
        return { deny: 'store_unavailable', retryAfterMs };
      }
    },
  };
}
