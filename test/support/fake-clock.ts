import type { Cancel, Clock } from '../../sidecar/core/ports.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks and runs what falls due on the way, in order. */
  advance(ms: number): void;
}

interface Timer {
  dueMs: number;
  /** 0: once. */
  readonly everyMs: number;
  readonly run: () => void;
}

/** Time stands still until it is told to move. `monotonic()` starts at 0. */
export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsedMs = 0;
  const timers = new Set<Timer>();

  function start(afterMs: number, everyMs: number, run: () => void): Cancel {
    const timer: Timer = { dueMs: elapsedMs + afterMs, everyMs, run };
    timers.add(timer);
    return () => void timers.delete(timer);
  }

  function nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    after: (ms, run) => start(ms, 0, run),
    every: (ms, run) => start(ms, Math.max(ms, 1), run),
    advance(ms) {
      const untilMs = elapsedMs + ms;
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        elapsedMs = Math.max(elapsedMs, timer.dueMs);
        if (timer.everyMs === 0) timers.delete(timer);
        else timer.dueMs += timer.everyMs;
        timer.run();
      }
      elapsedMs = untilMs;
    },
  };
}
