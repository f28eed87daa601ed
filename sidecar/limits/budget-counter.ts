import type { LimitEntry } from '../core/limit.ts';
import type { SharedCounters, WantedLease } from '../core/ports.ts';
import type { Charge, Counter, NoRoom } from './counter.ts';
import type { LeasedCounterDeps, LeasedCounterOptions } from './leased-counter.ts';
import { inTime } from './in-time.ts';
import { createSlidingWindow } from './window.ts';

/** What others used is asked for so often while the budget is in use; milliseconds. */
const askMs = 1_000;
/** The first request waits so long to hear what others used: a restart must not begin a day anew. */
const waitMs = 10;
const retryMs = 1_000;

/**
 * A budget that is charged after the fact: what a request costs is known when it has ended. While something is left a
 * request may begin, so that those under way may use more than there is.
 */
export function createBudgetCounter(
  options: LeasedCounterOptions & { readonly charges: keyof Charge },
  deps: Omit<LeasedCounterDeps, 'shared'> & { readonly shared: SharedCounters | undefined },
): Counter {
  const { key, asker, windowMs, charges } = options;
  const { shared, clock } = deps;
  const own = createSlidingWindow(windowMs, 'charges');
  /** By all together, when last heard, and what was charged here since. */
  let heard: { readonly used: number; readonly retryAfterMs: number; readonly atMs: number } | undefined;
  let untold = 0;
  let unanswered: WantedLease | undefined;
  let asking: Promise<void> | undefined;
  let lastAskedMs = Number.NEGATIVE_INFINITY;
  let limitNow = 0;

  function ask(from: SharedCounters, nowMs: number): Promise<void> {
    lastAskedMs = nowMs;
    asking ??= askOnce(from).finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askOnce(from: SharedCounters): Promise<void> {
    if (unanswered === undefined) {
      unanswered = { limit: limitNow, windowMs, units: 0, spent: untold, asker, serial: deps.nextSerial() };
      untold = 0;
    }
    try {
      const { used, retryAfterMs } = await from.lease(key, unanswered);
      unanswered = undefined;
      heard = { used, retryAfterMs, atMs: clock.monotonic() };
    } catch {
      // Told with the next ask, which is the same one.
    }
  }

  function judge({ most, onCacheLoss }: LimitEntry, nowMs: number): NoRoom | undefined {
    if (shared === undefined) {
      return own.count(nowMs) < most ? undefined : { retryAfterMs: own.nextLeaveMs(nowMs), known: true };
    }
    if (!deps.isReachable() || heard === undefined) {
      deps.onLoss();
      if (onCacheLoss === 'allow') return undefined;
      if (onCacheLoss === 'deny') return { retryAfterMs: retryMs, known: false };
    }
    const used = heard === undefined ? own.count(nowMs) : heard.used + untold + (unanswered?.spent ?? 0);
    if (used < most) return undefined;
    const retryAfterMs = heard === undefined ? own.nextLeaveMs(nowMs) : heard.atMs + heard.retryAfterMs - nowMs;
    return { retryAfterMs: Math.max(1, retryAfterMs), known: true };
  }

  async function judgeLater(limit: LimitEntry, first: Promise<void>): Promise<NoRoom | undefined> {
    await inTime(clock, first, waitMs);
    return judge(limit, clock.monotonic());
  }

  return {
    take(limit, { atMs }) {
      limitNow = limit.most;
      if (shared === undefined || !deps.isReachable()) return judge(limit, atMs);
      const isFirst = heard === undefined && lastAskedMs === Number.NEGATIVE_INFINITY;
      if (isFirst) return judgeLater(limit, ask(shared, atMs));
      if (atMs - lastAskedMs >= askMs) void ask(shared, atMs);
      return judge(limit, atMs);
    },
    undo: () => undefined,
    look(nowMs) {
      const unshared = untold + (unanswered?.spent ?? 0);
      return { used: own.count(nowMs), freesInMs: own.nextLeaveMs(nowMs), unshared };
    },
    isIdle: (nowMs) => own.count(nowMs) === 0 && untold === 0 && unanswered === undefined,
    tidy(nowMs) {
      const isOwed = untold > 0 || unanswered !== undefined;
      if (shared === undefined || !isOwed || !deps.isReachable() || nowMs - lastAskedMs < askMs) return;
      lastAskedMs = nowMs;
      deps.background(() => ask(shared, clock.monotonic()));
    },
    settle(_requestId, charge, nowMs) {
      if (charge === undefined) return;
      own.add(nowMs, charge[charges]);
      if (shared !== undefined) untold += charge[charges];
    },
  };
}
