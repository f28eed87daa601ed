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
  /** Takes nothing. */
  look(nowMs: number): Counted;
  /** Nothing is counted any more: it may be forgotten. */
  isIdle(nowMs: number): boolean;
  /** Called now and then. */
  tidy(nowMs: number): void;
  /** The request has ended. Undefined: its end does not matter. */
  readonly settle?: (requestId: string, charge: Charge | undefined, nowMs: number) => void;
}

/** What a counter of this process knows. */
export interface Counted {
  /** Here. */
  readonly used: number;
  /** When the oldest of them leave; milliseconds; 0: there are none. */
  readonly freesInMs: number;
  /** What the shared counter does not know yet, less what it counts and nobody has used. */
  readonly unshared: number;
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
    look: (nowMs) => ({ used: window.count(nowMs), freesInMs: window.nextLeaveMs(nowMs), unshared: 0 }),
    isIdle: (nowMs) => window.count(nowMs) === 0,
    tidy: () => undefined,
  };
}
