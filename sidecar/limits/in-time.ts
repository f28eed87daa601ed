import type { Clock } from '../core/ports.ts';

/** What the work resolves to, or undefined after `ms`. The work must not reject. */
export async function inTime<T>(clock: Pick<Clock, 'after'>, work: Promise<T>, ms: number): Promise<T | undefined> {
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(Math.max(0, ms), () => resolve(undefined));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
