import { quantile } from '../stats.ts';
import type { LoadClient } from './client.ts';
import type { LoadRequest } from './messages.ts';

/** A server that is at its capacity makes requests wait for those before them: of a hundred, one or more that long. */
const queuedMs = 10;
const steps = 6;

/**
 * The highest rate, requests a second, that a server keeps up with when requests come at fixed times, to a 64th of what
 * connections that never rest get out of it. That is less than they get: between two requests the processor sleeps, has to
 * be woken, and finds cold caches, for any server. Half of what never rests can be all that it can do at a fixed rate.
 */
export async function fixedRateCapacity(client: LoadClient, load: LoadRequest): Promise<number> {
  const restless = await client.run(load);
  let kept = 0;
  let beyond = restless.requests / restless.seconds;
  for (let step = 0; step < steps; step++) {
    const rate = (kept + beyond) / 2;
    if (await keepsUp(client, { ...load, rate })) kept = rate;
    else beyond = rate;
  }
  return kept;
}

/** Twice, for a machine that stood still once. */
async function keepsUp(client: LoadClient, load: LoadRequest): Promise<boolean> {
  for (let attempt = 1; attempt <= 2; attempt++) {
    if (quantile((await client.run(load)).latencies, 0.99) < queuedMs) return true;
  }
  return false;
}
