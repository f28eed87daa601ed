import type { Clock } from '../core/ports.ts';

/** Gives way to the event loop when the current slice of work has used its time. */
export interface Pace {
  /** Cheap to call often; awaits one turn of the loop only when the slice is used up. */
  step(): Promise<void> | undefined;
}

/** `sliceMs`: longest uninterrupted work, milliseconds; decisions that arrive meanwhile wait that long at most. */
export function createPace(clock: Pick<Clock, 'monotonic'>, sliceMs: number): Pace {
  let sliceEnds = clock.monotonic() + sliceMs;
  return {
    step() {
      if (clock.monotonic() < sliceEnds) return undefined;
      return new Promise((resolve) => {
        setImmediate(() => {
          sliceEnds = clock.monotonic() + sliceMs;
          resolve();
        });
      });
    },
  };
}
