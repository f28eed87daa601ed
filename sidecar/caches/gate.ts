import type { Clock } from '../core/ports.ts';

/** Lets a bounded number through at once and a bounded number wait, first come first served. */
export interface Gate {
  /** `entered`: call `leave` later. `full`: nobody more may wait. A promise: waiting, `waitMs` at most. */
  enter(waitMs: number): 'entered' | 'full' | Promise<'entered' | 'too_late'>;
  leave(): void;
}

export interface GateOptions {
  /** Inside at once. */
  readonly concurrency: number;
  /** Waiting beyond them. */
  readonly queue: number;
}

export function createGate(options: GateOptions, deps: { readonly clock: Pick<Clock, 'after'> }): Gate {
  /** In order of arrival: a set remembers it, and forgets who gave up in constant time. */
  const waiting = new Set<() => void>();
  let inside = 0;

  return {
    enter(waitMs) {
      if (inside < options.concurrency) {
        inside += 1;
        return 'entered';
      }
      if (waiting.size >= options.queue) return 'full';
      return new Promise((resolve) => {
        const admit = (): void => {
          cancel();
          resolve('entered');
        };
        const cancel = deps.clock.after(Math.max(0, waitMs), () => {
          waiting.delete(admit);
          resolve('too_late');
        });
        waiting.add(admit);
      });
    },
    leave() {
      const [next] = waiting;
      if (next === undefined) {
        inside -= 1;
        return;
      }
      // The place goes from hand to hand: nobody who comes now gets it first.
      waiting.delete(next);
      next();
    },
  };
}
