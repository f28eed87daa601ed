import type { LimitedRequest, LimitEntry } from '../core/limit.ts';
import { createSlidingWindow } from './window.ts';

/** Why a unit could not be taken. */
export interface NoRoom {
  readonly retryAfterMs: number;
  /** False: nobody knows whether there is room. */
  readonly known: boolean;
}

export type CountedRequest = Pick<LimitedRequest, 'id' | 'atMs'>;

/** What counts together. */
export interface Counter {
  /** Takes a unit; `limit` says how many there are. Undefined: taken. Never rejects. */
  take(limit: LimitEntry, request: CountedRequest): NoRoom | undefined | Promise<NoRoom | undefined>;
  /** Gives back the unit that was taken just now. */
  undo(request: CountedRequest): void;
  /** Nothing is counted any more: it may be forgotten. */
  isIdle(nowMs: number): boolean;
  /** Called now and then. */
  tidy(nowMs: number): void;
  /** A budget: what of a charge it is charged with. */
  readonly charges?: keyof Charge;
  /** The request has ended. Undefined: its end does not matter. */
  readonly settle?: (requestId: string, charge: Charge | undefined, nowMs: number) => void;
}

/** What a request is charged with when it has ended. */
export interface Charge {
  readonly llmTokens: number;
  readonly costMicros: number;
}

/** Of this process alone, and exact. */
export function createLocalCounter(windowMs: number): Counter {
  const window = createSlidingWindow(windowMs);
  return {
    take({ most }, { atMs }) {
      if (window.count(atMs) >= most) return { retryAfterMs: window.nextLeaveMs(atMs), known: true };
      window.add(atMs, 1);
      return undefined;
    },
    undo: ({ atMs }) => window.add(atMs, -1),
    isIdle: (nowMs) => window.count(nowMs) === 0,
    tidy: () => undefined,
  };
}
