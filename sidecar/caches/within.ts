import type { Clock } from '../core/ports.ts';

/** What {@link within} resolves to when the work took too long. */
export const timedOut = Symbol('timed out');

/** The result of `work`, or {@link timedOut} after `ms`; a late result or rejection is ignored. */
export async function within<T>(
  clock: Pick<Clock, 'after'>,
  ms: number,
  work: Promise<T>,
): Promise<T | typeof timedOut> {
  const late = Promise.withResolvers<typeof timedOut>();
  const cancel = clock.after(Math.max(0, ms), () => late.resolve(timedOut));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}
