import { slotMsOf } from '../core/limit.ts';
import type { LimitEntry } from '../core/limit.ts';
import type { Clock, SharedCounters, WantedLease } from '../core/ports.ts';
import type { Counter, NoRoom } from './counter.ts';
import { inTime } from './in-time.ts';
import { createSlidingWindow } from './window.ts';

export interface LeasedCounterOptions {
  /** Among all counters of all sidecars. */
  readonly key: string;
  /** Names this process among those that share it. */
  readonly asker: string;
  readonly windowMs: number;
}

export interface LeasedCounterDeps {
  readonly shared: SharedCounters;
  /** False: nobody needs to be asked, it would not answer. */
  readonly isReachable: () => boolean;
  readonly clock: Clock;
  /** Never the same twice: a counter that is made anew must not be taken for the one before it, and answered as that one. */
  readonly nextSerial: () => number;
  /** Runs what no decision waits for, soon. */
  readonly background: (job: () => Promise<unknown>) => void;
  /** Told of each decision without the shared counter. */
  readonly onLoss: () => void;
}

/** A decision waits so long for a lease; milliseconds. */
const waitMs = 10;
/** After a lease that did not come in time, decisions do without for so long; milliseconds. */
const pauseMs = 250;
/** Whoever was told that nothing is left asks again after so long: others give back what they do not use. */
const askAgainMs = 250;
const maxLeaseMs = 1_000;
/** A lease is at most this part of the limit. */
const largestPart = 16;
const maxRounds = 4;

/** Takes units ahead from a counter that sidecars share; while it has some, a decision asks nobody. */
export function createLeasedCounter(options: LeasedCounterOptions, deps: LeasedCounterDeps): Counter {
  const { key, asker, windowMs } = options;
  const { shared, clock } = deps;
  const leaseMs = Math.min(maxLeaseMs, slotMsOf(windowMs));
  /** What was allowed here. */
  const own = createSlidingWindow(windowMs);
  let lease = { left: 0, granted: 0, untilMs: 0, slot: 0 };
  let nothingUntilMs = 0;
  let roomAtMs = 0;
  let pausedUntilMs = 0;
  /** Of what all used, when last heard. */
  let share = 1;
  /** Used without asking, and not yet told. */
  let spent = 0;
  let waiting = 0;
  let usedSinceAsked = 0;
  /** What was asked for and not answered: it may have been granted all the same. */
  let unanswered: WantedLease | undefined;
  let asking: Promise<boolean> | undefined;

  function takeLeased(limit: LimitEntry, nowMs: number): boolean {
    if (lease.left === 0 || nowMs >= lease.untilMs) return false;
    lease.left -= 1;
    usedSinceAsked += 1;
    own.add(nowMs, 1);
    if (lease.left * 4 <= lease.granted && asking === undefined && nowMs >= nothingUntilMs) void ask(limit);
    return true;
  }

  /** Resolves to whether there was an answer. */
  function ask(limit: LimitEntry): Promise<boolean> {
    asking ??= askOnce(limit).finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askOnce({ most }: LimitEntry): Promise<boolean> {
    giveBackExpired(clock.monotonic());
    unanswered ??= nextWanted(most);
    try {
      const answer = await shared.lease(key, unanswered);
      unanswered = undefined;
      const nowMs = clock.monotonic();
      if (answer.granted > 0) {
        const left = lease.left + answer.granted;
        lease = { left, granted: left, untilMs: nowMs + leaseMs, slot: answer.slot };
      } else {
        nothingUntilMs = nowMs + Math.min(askAgainMs, answer.retryAfterMs);
        roomAtMs = nowMs + answer.retryAfterMs;
      }
      share = Math.min(1, (own.count(nowMs) + lease.left) / Math.max(1, answer.used));
      return true;
    } catch {
      pausedUntilMs = clock.monotonic() + pauseMs;
      return false;
    }
  }

  function nextWanted(limit: number): WantedLease {
    const largest = Math.max(1, Math.ceil(limit / largestPart));
    const units = Math.min(largest, Math.max(1, waiting, usedSinceAsked));
    const wanted = { limit, windowMs, units, spent, asker, serial: deps.nextSerial() };
    spent = 0;
    usedSinceAsked = 0;
    return wanted;
  }

  function giveBackExpired(nowMs: number): void {
    const { left, slot, untilMs } = lease;
    if (left === 0 || nowMs < untilMs) return;
    lease = { ...lease, left: 0 };
    // What does not arrive leaves the window with its slot.
    deps.background(() => shared.giveBack(key, slot, left).catch(() => undefined));
  }

  async function takeLater(limit: LimitEntry): Promise<NoRoom | undefined> {
    // Not since the decision began: it may have looked up a token first.
    const untilMs = clock.monotonic() + waitMs;
    waiting += 1;
    try {
      for (let round = 0; round < maxRounds; round++) {
        const answered = await inTime(clock, ask(limit), untilMs - clock.monotonic());
        const nowMs = clock.monotonic();
        if (takeLeased(limit, nowMs)) return undefined;
        if (answered === undefined) pausedUntilMs = nowMs + pauseMs;
        if (answered !== true) break;
        if (nowMs < nothingUntilMs) return { retryAfterMs: Math.max(1, roomAtMs - nowMs), known: true };
      }
      return takeAlone(limit, clock.monotonic());
    } finally {
      waiting -= 1;
    }
  }

  /** As the limit says for the case that the shared counter cannot be asked. */
  function takeAlone({ most, onCacheLoss }: LimitEntry, nowMs: number): NoRoom | undefined {
    deps.onLoss();
    if (onCacheLoss === 'deny') return { retryAfterMs: pauseMs, known: false };
    const room = onCacheLoss === 'allow' ? Infinity : Math.max(1, Math.floor(most * share));
    if (own.count(nowMs) >= room) return { retryAfterMs: own.nextLeaveMs(nowMs), known: true };
    own.add(nowMs, 1);
    spent += 1;
    return undefined;
  }

  return {
    take(limit, { atMs: nowMs }) {
      if (takeLeased(limit, nowMs)) return undefined;
      if (nowMs < nothingUntilMs) return { retryAfterMs: Math.max(1, roomAtMs - nowMs), known: true };
      if (nowMs < pausedUntilMs || !deps.isReachable()) return takeAlone(limit, nowMs);
      return takeLater(limit);
    },
    undo({ atMs: nowMs }) {
      own.add(nowMs, -1);
      if (nowMs < lease.untilMs) lease.left += 1;
      else spent = Math.max(0, spent - 1);
    },
    look(nowMs) {
      const ahead = nowMs < lease.untilMs ? lease.left : 0;
      const unshared = spent + (unanswered?.spent ?? 0) - ahead;
      return { used: own.count(nowMs), freesInMs: own.nextLeaveMs(nowMs), unshared };
    },
    isIdle: (nowMs) => own.count(nowMs) === 0 && lease.left === 0 && asking === undefined,
    tidy: giveBackExpired,
  };
}
