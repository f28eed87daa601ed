import type { LimitEntry } from '../core/limit.ts';
import type { Clock, SharedPlaces } from '../core/ports.ts';
import { endsSoonMs } from './concurrency-counter.ts';
import type { CountedRequest, Counter, NoRoom } from './counter.ts';
import { inTime } from './in-time.ts';
import { createUnderWay } from './under-way.ts';

export interface PlaceCounterOptions {
  /** Among all counters of all sidecars. */
  readonly key: string;
  /** Names this process among those that share it. */
  readonly holder: string;
  /** Others have the places of a process that died after so long; milliseconds. A third of it is between two renewals. */
  readonly lifeMs: number;
}

export interface PlaceCounterDeps {
  readonly places: Pick<SharedPlaces, 'hold'>;
  /** False: nobody needs to be asked, it would not answer. */
  readonly isReachable: () => boolean;
  readonly clock: Clock;
  /** Runs what no decision waits for, soon. */
  readonly background: (job: () => Promise<unknown>) => void;
  /** Asks the others to give back what they do not use. */
  readonly tellShort: (key: string) => void;
  /** Told of each decision without the shared places. */
  readonly onLoss: () => void;
}

export interface PlaceCounter extends Counter {
  readonly key: string;
  /** Another sidecar has no place. */
  onShort(nowMs: number): void;
  /** Gives back what no request has. Never rejects. */
  close(): Promise<void>;
}

/** A decision waits so long for a place; milliseconds. */
const waitMs = 10;
/** After an answer that did not come in time, decisions do without for so long; milliseconds. */
const pauseMs = 250;
/** Whoever found no place asks again after so long. */
const askAgainMs = 250;
/** And once so soon: meanwhile others gave back what they do not use. */
const secondChanceMs = 4;
/** While another sidecar is short, which it says each {@link askAgainMs}, a place goes back when its request ends. */
const shortMs = 1_000;
/** Beyond what is needed at most this part of the limit is taken ahead. */
const aheadPart = 16;
const maxRounds = 4;

/**
 * Requests under way in all sidecars. Each holds places in Redis, for as long as it says so; while one of its own is free a
 * decision asks nobody.
 */
export function createPlaceCounter(options: PlaceCounterOptions, deps: PlaceCounterDeps): PlaceCounter {
  const { key, holder, lifeMs } = options;
  const { places, clock } = deps;
  const underWay = createUnderWay();
  /** With those of the requests under way. */
  let held = 0;
  let heldByOthers = 0;
  /** From then on others may have those that no request has. */
  let heldUntilMs = 0;
  let renewAtMs = 0;
  /** What Redis has of us may be something else: it was away, or did not answer. */
  let isOwed = false;
  let limitNow = 0;
  let nothingUntilMs = 0;
  let pausedUntilMs = 0;
  let shortUntilMs = 0;
  /** Of what all hold, when last heard. */
  let share = 1;
  let waiting = 0;
  /** Most at once since the last renewal. */
  let peak = 0;
  let asking: Promise<boolean> | undefined;
  let isQueued = false;

  const freeAt = (nowMs: number): number =>
    nowMs < heldUntilMs ? Math.max(0, Math.min(held, limitNow) - underWay.size()) : 0;

  function begin(id: string, nowMs: number): void {
    underWay.begin(id, nowMs);
    peak = Math.max(peak, underWay.size());
  }

  /** Resolves to whether there was an answer. */
  function ask(): Promise<boolean> {
    asking ??= askForAll().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askForAll(): Promise<boolean> {
    try {
      if (await hold()) return true;
      nothingUntilMs = clock.monotonic() + askAgainMs;
      if (heldByOthers === 0) return true;
      deps.tellShort(key);
      await new Promise<void>((resolve) => void clock.after(secondChanceMs, resolve));
      nothingUntilMs = (await hold()) ? 0 : clock.monotonic() + askAgainMs;
      return true;
    } catch {
      pausedUntilMs = clock.monotonic() + pauseMs;
      isOwed = true;
      return false;
    }
  }

  /** Says how many are held and wanted; false: some that wait got none. */
  async function hold(): Promise<boolean> {
    const askedAtMs = clock.monotonic();
    if (askedAtMs < shortUntilMs) giveBack(0);
    const [now, needed] = [underWay.size(), waiting];
    const answer = await places.hold(key, {
      holder,
      limit: limitNow,
      underWay: now,
      waiting: needed,
      kept: Math.max(0, freeAt(askedAtMs) - needed),
      ahead: needed === 0 ? 0 : Math.floor(limitNow / aheadPart),
      lifeMs,
    });
    held = answer.held;
    heldByOthers = answer.elsewhere.held;
    heldUntilMs = askedAtMs + lifeMs;
    renewAtMs = clock.monotonic() + (lifeMs / 3) * (0.9 + Math.random() / 5);
    isOwed = false;
    if (held + heldByOthers > 0) share = held / (held + heldByOthers);
    return held >= now + needed;
  }

  async function takeLater(limit: LimitEntry, { id }: CountedRequest): Promise<NoRoom | undefined> {
    const untilMs = clock.monotonic() + waitMs;
    waiting += 1;
    try {
      for (let round = 0; round < maxRounds; round++) {
        const answered = await inTime(clock, ask(), untilMs - clock.monotonic());
        const nowMs = clock.monotonic();
        if (freeAt(nowMs) > 0) {
          begin(id, nowMs);
          return undefined;
        }
        if (nowMs < nothingUntilMs) return { retryAfterMs: endsSoonMs, known: true };
        if (answered === undefined) pausedUntilMs = nowMs + pauseMs;
        if (answered !== true) break;
        // It was asked before this request came.
      }
      return takeAlone(limit, id, clock.monotonic());
    } finally {
      waiting -= 1;
    }
  }

  /** As the limit says for the case that the shared places cannot be asked for. */
  function takeAlone({ most, onCacheLoss }: LimitEntry, id: string, nowMs: number): NoRoom | undefined {
    deps.onLoss();
    if (onCacheLoss === 'deny') return { retryAfterMs: pauseMs, known: false };
    const room = onCacheLoss === 'allow' ? Infinity : Math.min(most, Math.max(1, Math.floor(most * share)));
    if (underWay.size() >= room) return { retryAfterMs: endsSoonMs, known: true };
    isOwed = true;
    begin(id, nowMs);
    return undefined;
  }

  function askInBackground(): void {
    if (isQueued) return;
    isQueued = true;
    deps.background(async () => {
      isQueued = false;
      // It may have begun before there was a reason for this one.
      await asking;
      await ask();
    });
  }

  /** At once, so that nobody takes them meanwhile. */
  function giveBack(kept: number): boolean {
    const enough = Math.max(kept, underWay.size() + waiting);
    if (held <= enough) return false;
    held = enough;
    return true;
  }

  function renew(nowMs: number): void {
    giveBack(nowMs < shortUntilMs ? 0 : peak);
    peak = underWay.size();
    askInBackground();
  }

  function end(id: string, nowMs: number): void {
    if (underWay.end(id) && nowMs < shortUntilMs && giveBack(0)) askInBackground();
  }

  return {
    key,
    take(limit, request) {
      const { id, atMs: nowMs } = request;
      limitNow = limit.most;
      if (freeAt(nowMs) > 0) {
        begin(id, nowMs);
        return undefined;
      }
      underWay.forgetLost(nowMs);
      if (nowMs < nothingUntilMs && asking === undefined) return { retryAfterMs: endsSoonMs, known: true };
      if (nowMs < pausedUntilMs || !deps.isReachable()) return takeAlone(limit, id, nowMs);
      return takeLater(limit, request);
    },
    undo: ({ id, atMs }) => end(id, atMs),
    settle: (requestId, _charge, nowMs) => end(requestId, nowMs),
    onShort(nowMs) {
      shortUntilMs = nowMs + shortMs;
      if (giveBack(0)) askInBackground();
    },
    look: () => ({ used: underWay.size(), freesInMs: underWay.size() === 0 ? 0 : endsSoonMs, unshared: 0 }),
    isIdle: (nowMs) => underWay.size() === 0 && (held === 0 || nowMs >= heldUntilMs) && asking === undefined,
    tidy(nowMs) {
      underWay.forgetLost(nowMs);
      if (held === 0 && underWay.size() === 0 && !isOwed) return;
      if (!deps.isReachable()) isOwed = true;
      else if (asking === undefined && nowMs >= pausedUntilMs && (isOwed || nowMs >= renewAtMs)) renew(nowMs);
    },
    async close() {
      await asking;
      if (giveBack(0) && deps.isReachable()) await ask();
    },
  };
}
