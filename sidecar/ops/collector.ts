import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** A tenth of an equal share when a decision wants the same processor, the whole of it when none does. */
const helperNiceness = 10;

/**
 * How V8 collects the garbage of a sidecar, of whose objects hardly any outlives its decision.
 *
 * Young ones by one thread: there is nothing to share, and on a busy machine the decisions would wait until each helper has
 * had its turn on a processor (10 ms where the collection takes 0.4). And in the room that V8 begins with (17 MB): a start
 * or an apply reads thousands of resources, the gateway's log brings thousands of entries a second, and for such V8 would
 * take up to 130 MB, never give them back, and have the more to copy at once.
 *
 * Old ones whenever half as many again have come as were left the last time. V8 waits until there are up to four times as
 * many, for the sake of programs that make old objects all the time; a sidecar makes them when it learns of tokens or
 * resources. With 100,000 known tokens that saves a fifth of all memory, for five collections more.
 *
 * V8's helpers give way: one that marks old objects, with the main thread on the same processor, would otherwise have every
 * other 4 ms of it, for as long as the kernel leaves the two together (75 ms were seen).
 */
export function tuneCollector(): void {
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=50');
  // Linux alone gives each thread a priority of its own.
  if (process.platform === 'linux') makeHelpersGiveWay();
}

function makeHelpersGiveWay(): void {
  const threads = '/proc/self/task';
  try {
    for (const id of readdirSync(threads)) {
      // As Node names them: github.com/nodejs/node, src/node_platform.cc.
      if (readFileSync(`${threads}/${id}/comm`, 'utf8').trim() !== 'V8Worker') continue;
      // Never higher than that of the process, which may be lower already.
      setPriority(Number(id), Math.max(getPriority(Number(id)), helperNiceness));
    }
  } catch {
    // Without /proc, or not permitted: then they are as important as the rest.
  }
}

/** V8's own: as much of the young objects' room may be in use when a collection is due, between two turns; percent. */
const usualTrigger = 80;
const oftenTrigger = 10;

/**
 * For work that makes many objects which stay, in slices, while decisions are made: young ones are collected whenever a
 * tenth of their room is in use. That is 0.4 ms between two slices, ten times, where one collection of all that stayed would
 * hold the decisions for 4 ms. Not for always: each of them costs something. Returns what ends it.
 */
export function collectOften(): () => void {
  setFlagsFromString(`--minor-gc-task-trigger=${oftenTrigger}`);
  return () => setFlagsFromString(`--minor-gc-task-trigger=${usualTrigger}`);
}
