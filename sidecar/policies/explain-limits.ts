import type { LimitMeasure, LimitState } from '../core/limit.ts';
import { microsPerUnit } from '../core/prices.ts';

/** A counter of a limit, for people and programs; cost in units of the prices' currency. */
export interface ShownLimit {
  readonly limit: string;
  readonly measure: LimitMeasure;
  /** What each has a counter of its own, and whose this is. */
  readonly per: readonly string[];
  readonly counter: string;
  readonly most: number;
  readonly used: number;
  readonly left: number;
  /** Undefined: requests at once are counted. */
  readonly window_s?: number;
  /** When the oldest of what is used no longer counts. */
  readonly frees_in_s?: number;
  readonly enforced: boolean;
  /** False: only what this sidecar counted; the counters that all share could not be asked. */
  readonly by_all: boolean;
}

export function showLimit({ limit, counter, used, freesInMs, byAll }: LimitState): ShownLimit {
  const unit = limit.measure === 'cost' ? microsPerUnit : 1;
  return {
    limit: limit.id,
    measure: limit.measure,
    per: limit.per,
    counter,
    most: limit.most / unit,
    used: used / unit,
    left: Math.max(0, limit.most - used) / unit,
    ...(limit.windowMs === 0 ? {} : { window_s: limit.windowMs / 1_000 }),
    ...(freesInMs === 0 ? {} : { frees_in_s: Math.ceil(freesInMs / 1_000) }),
    enforced: limit.enforced,
    by_all: byAll,
  };
}

/** `team-per-day: 3 of 25 left`. */
export function sayLeft(state: LimitState): string {
  const { limit, left, most } = showLimit(state);
  return `${limit}: ${left} of ${most} left`;
}
