/** What a cache must do again by itself after a server of it was lost. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../sidecar/core/ports.ts';
import { failsAsCache } from '../contract/cache-contract.ts';

/** Long: an election on a busy machine may need a second round. */
const failoverMs = 45_000;
/** Far beyond what a cache may take for one command; on a busy machine many are under way at once. */
const hangsMs = 10_000;

/** Resolves once each of the keys can be written and read. Until then a command may fail, as caches fail, and in time. */
export async function worksAgain(cache: Cache, keys: readonly string[] = ['again']): Promise<void> {
  const deadline = performance.now() + failoverMs;
  while (!(await allWork(cache, keys))) {
    assert.ok(performance.now() < deadline, 'no fail-over was followed');
    await sleep(50);
  }
}

async function allWork(cache: Cache, keys: readonly string[]): Promise<boolean> {
  const began = performance.now();
  const outcomes = await Promise.all(
    keys.map(async (key) => {
      try {
        await cache.set(key, 'value', 60_000);
        return (await cache.get(key)) === 'value';
      } catch (error) {
        assert.ok(failsAsCache(error), String(error));
        return false;
      }
    }),
  );
  assert.ok(performance.now() - began < hangsMs, 'nothing hangs');
  return outcomes.every(Boolean);
}

/** Resolves once a hint that `from` publishes is heard. */
export async function hintsArrive(from: Cache, heard: readonly number[]): Promise<void> {
  const before = heard.length;
  for (let i = 1; heard.length === before; i += 1) {
    await from.publishHint(i).catch(() => undefined);
    await sleep(20);
    assert.ok(i < 600, 'no hint arrives');
  }
}
