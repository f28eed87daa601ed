import type { LimitCount } from './configuration.ts';
import type { Exchange } from './exchange.ts';
import { variable } from './variables.ts';

export interface LimitCounts {
  /** False: the request is one too many. */
  take(conf: LimitCount, exchange: Exchange): boolean;
}

/** Counts in fixed windows by route and by the value of a variable, in this process (policy `local`). */
export function createLimitCounts(): LimitCounts {
  const windows = new Map<string, { count: number; readonly endsAtMs: number }>();
  return {
    take(conf, exchange) {
      // Where the variable is empty the gateway counts by address.
      const value = variable(exchange, conf.key) ?? exchange.remoteAddress;
      const key = `${exchange.route.id} ${String(value)}`;
      const now = performance.now();
      const known = windows.get(key);
      const window = known === undefined || known.endsAtMs <= now ? { count: 0, endsAtMs: now + conf.time_window * 1_000 } : known; // prettier-ignore
      windows.set(key, window);
      return ++window.count <= conf.count;
    },
  };
}
