import type { Clock } from '../core/ports.ts';

/** What {@link within} resolves to when the work took too long. */
export const timedOut = Symbol('timed out');

/** The result of `work`, or {@link timedOut} after `ms`; a late result or rejection is ignored. */
export function within<T>(clock: Pick<Clock, 'after'>, ms: number, work: Promise<T>): Promise<T | typeof timedOut> {
  // By hand: each look-up passes here more than once, and Promise.race makes six promises of this one.
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, ms), () => resolve(timedOut));
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever the work rejected with
        reject(error);
      },
    );
  });
}
