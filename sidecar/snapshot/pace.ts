import type { Clock } from '../core/ports.ts';

/** Gives way to the event loop when the current slice of work has used its time. */
export interface Pace {
  /** Cheap to call often; awaits the rest only when the slice is used up. */
  step(): Promise<void> | undefined;
}

/** Calls `go` after a rest. */
export type Rest = (go: () => void) => unknown;

/**
 * `sliceMs`: longest uninterrupted work, milliseconds; decisions that arrive meanwhile wait that long at most. `rest`:
 * between two slices; default: one turn of the loop.
 */
export function createPace(clock: Pick<Clock, 'monotonic'>, sliceMs: number, rest: Rest = setImmediate): Pace {
  let sliceEnds = clock.monotonic() + sliceMs;
  return {
    step() {
      if (clock.monotonic() < sliceEnds) return undefined;
      return new Promise((resolve) => {
        rest(() => {
          sliceEnds = clock.monotonic() + sliceMs;
          resolve();
        });
      });
    },
  };
}
