import type { Clock } from '../core/ports.ts';

/**
 * Stops asking a dependency that does not answer. Closed: everybody may ask. After `failures` failures in a row it
 * opens: nobody asks for `openMs`. Then one asks for all; its success closes the breaker, its failure opens it again.
 */
export interface Breaker {
  /** Whether to ask now. Who was told yes reports back with one of the three below. */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
  /** The outcome says nothing about the dependency (for example our own deadline passed). */
  abandoned(): void;
  /** Milliseconds until somebody may ask; 0: now. */
  retryInMs(): number;
  state(): BreakerState;
}

/** `half_open`: one may ask, or is asking, for all. */
export type BreakerState = 'closed' | 'half_open' | 'open';

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Milliseconds for which nobody asks. */
  readonly openMs: number;
}

export function createBreaker(options: BreakerOptions, deps: { readonly clock: Pick<Clock, 'monotonic'> }): Breaker {
  let failures = 0;
  let openUntil = 0;
  let probing = false;

  const isOpen = (): boolean => failures >= options.failures;
  return {
    allows() {
      if (!isOpen()) return true;
      if (probing || deps.clock.monotonic() < openUntil) return false;
      probing = true;
      return true;
    },
    succeeded() {
      failures = 0;
      probing = false;
    },
    failed() {
      failures = Math.min(failures + 1, options.failures);
      probing = false;
      if (isOpen()) openUntil = deps.clock.monotonic() + options.openMs;
    },
    abandoned() {
      probing = false;
    },
    state() {
      if (!isOpen()) return 'closed';
      return probing || deps.clock.monotonic() >= openUntil ? 'half_open' : 'open';
    },
    retryInMs: () => (isOpen() ? Math.max(0, openUntil - deps.clock.monotonic()) : 0),
  };
}
