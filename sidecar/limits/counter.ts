import type { LimitEntry } from '../core/limit.ts';
import { createSlidingWindow } from './window.ts';

/** Why a unit could not be taken. */
export interface NoRoom {
  readonly retryAfterMs: number;
  /** False: nobody knows whether there is room. */
  readonly known: boolean;
}

/** What counts together. */
export interface Counter {
  /** Takes a unit; `limit` says how many there are. Undefined: taken. Never rejects. */
  take(limit: LimitEntry, nowMs: number): NoRoom | undefined | Promise<NoRoom | undefined>;
  /** Gives back the unit that was taken just now. */
  undo(nowMs: number): void;
  /** Nothing is counted any more: it may be forgotten. */
  isIdle(nowMs: number): boolean;
  /** Called now and then. */
  tidy(nowMs: number): void;
}

/** Of this process alone, and exact. */
export function createLocalCounter(windowMs: number): Counter {
  const window = createSlidingWindow(windowMs);
  return {
    take({ requests }, nowMs) {
      if (window.count(nowMs) >= requests) return { retryAfterMs: window.nextLeaveMs(nowMs), known: true };
      window.add(nowMs, 1);
      return undefined;
    },
    undo: (nowMs) => window.add(nowMs, -1),
    isIdle: (nowMs) => window.count(nowMs) === 0,
    tidy: () => undefined,
  };
}
