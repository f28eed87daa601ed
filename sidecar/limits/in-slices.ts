import type { Cancel, Clock } from '../core/ports.ts';

export interface Sliced {
  /** Begins; does nothing while it is not done with the last time. */
  run(): void;
  stop(): void;
}

/** Decisions have their turn in between; milliseconds. */
const pauseMs = 1;

/** Work that stops at each `yield` of its own for a moment, so that no decision waits for all of it. */
export function inSlices(clock: Pick<Clock, 'after'>, begin: () => Generator<undefined, void>): Sliced {
  let rest: Generator<undefined, void> | undefined;
  let cancel: Cancel = () => undefined;

  function goOn(): void {
    if (rest?.next().done === false) cancel = clock.after(pauseMs, goOn);
    else rest = undefined;
  }

  return {
    run() {
      if (rest !== undefined) return;
      rest = begin();
      goOn();
    },
    stop: () => cancel(),
  };
}
