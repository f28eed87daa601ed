import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import type { Cancel, Clock } from '../core/ports.ts';

/** Both halves of the room for young objects together, bytes: twice what V8 begins with. */
const enoughBytes = 32 * 1_000_000;
const checkMs = 250;

/**
 * How V8 collects the young objects of a sidecar. By one thread: hardly any of them outlives its decision, so that there
 * is nothing to share, and on a busy machine the decisions would wait until each helper has had its turn on a processor
 * (10 ms where the collection takes 0.4).
 *
 * And in a room that is kept as small as it is, until the function that this returns is called. A start reads thousands of
 * resources, in several threads; what V8 takes for that it never gives back (30 of 170 MB with 10,000 resources). Under
 * traffic a small room would cost throughput, so then it may grow, but not without end: the gateway's log would make it
 * 130 MB, and the longer it is between two collections, the more there is to be copied at once.
 */
export function tuneYoungGeneration(clock: Pick<Clock, 'every'>): () => Cancel {
  setFlagsFromString('--no-parallel-scavenge');
  let mayGrow = true;
  const setGrowth = (grow: boolean): void => {
    if (grow === mayGrow) return;
    mayGrow = grow;
    // 2 is V8's default.
    setFlagsFromString(`--semi-space-growth-factor=${grow ? '2' : '1'}`);
  };
  setGrowth(false);
  return () => {
    const check = (): void => setGrowth(youngBytes() < enoughBytes);
    check();
    return clock.every(checkMs, check);
  };
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
