import { constants } from 'node:os';
import type { Clock, Log } from '../core/ports.ts';

export const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
export type StopSignal = (typeof stopSignals)[number];

/** A terminal, npm and a wrapper may each pass on one and the same Ctrl-C; what comes this soon is no second wish. */
const sameWishMs = 500;

/**
 * The first signal asks for a drain, the second one ends the process at once. An exception that nobody caught ends it
 * too: what the state is after it, nobody knows.
 */
export function watchSignals(deps: { readonly clock: Clock; readonly log: Log }): {
  readonly first: Promise<StopSignal>;
} {
  const { clock, log } = deps;
  process.on('uncaughtException', (error) => {
    log.error('uncaught_exception', { error });
    process.exit(1);
  });
  return {
    first: new Promise((resolve) => {
      let firstMs: number | undefined;
      for (const signal of stopSignals) {
        process.on(signal, () => {
          if (firstMs === undefined) {
            firstMs = clock.monotonic();
            resolve(signal);
          } else if (clock.monotonic() - firstMs > sameWishMs) {
            log.warn('stopped_at_once', { signal });
            process.exit(128 + constants.signals[signal]);
          }
        });
      }
    }),
  };
}
