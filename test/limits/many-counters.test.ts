/** What many counters say at the same moment must leave room for the look-ups of tokens on the same connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitEntry, LimitMeasure } from '../../sidecar/core/limit.ts';
import type { SharedCounters } from '../../sidecar/core/ports.ts';
import { createLimiter } from '../../sidecar/limits/limiter.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { limitOf } from './limit-entry.ts';

const limit = (measure: LimitMeasure): LimitEntry => limitOf(measure, 1_000);

function world() {
  const clock = createFakeClock();
  const seen = { asking: 0, most: 0, returned: 0, spent: 0, looks: 0 };
  const turn = async (): Promise<void> => {
    seen.most = Math.max(seen.most, ++seen.asking);
    await new Promise((resolve) => setImmediate(resolve));
    seen.asking -= 1;
  };
  const shared: SharedCounters = {
    async lease(_key, { units, spent }) {
      await turn();
      seen.spent += spent;
      return { granted: units, used: units, retryAfterMs: 1, slot: 1 };
    },
    async giveBack(_key, _slot, units) {
      await turn();
      seen.returned += units;
    },
  };
  const limiter = createLimiter(
    { maxCounters: 10_000, maxOpenRequests: 10_000, placeLifeMs: 15_000 },
    {
      shared,
      places: undefined,
      isReachable: () => {
        seen.looks += 1;
        return true;
      },
      asker: 'a',
      keyOf: (...names) => names.join(),
      clock,
      observe: () => undefined,
      onUnpriced: () => undefined,
      observeEnds: () => undefined,
    },
  );
  return { clock, seen, limiter };
}

type World = ReturnType<typeof world>;

async function takeOfEach(measure: LimitMeasure, { limiter, clock, seen }: World, counters: number): Promise<void> {
  for (let i = 0; i < counters; i++) {
    const id = String(i);
    const request = { id, atMs: clock.monotonic(), upstreamId: 'api', prices: [] };
    assert.equal(await limiter.take([{ limit: limit(measure), counter: id }], request), undefined);
  }
  while (seen.asking > 0) await new Promise((resolve) => setImmediate(resolve));
  seen.most = 0;
}

async function quiet(isDone: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1_000 && !isDone(); turns++) await new Promise((resolve) => setImmediate(resolve));
}

test('unused units of many leases that end together go back some at a time', async () => {
  const all = world();
  const counters = 200;
  await takeOfEach('requests', all, counters);
  all.clock.advance(1_500);
  await quiet(() => all.seen.returned >= counters);
  assert.equal(all.seen.returned, counters);
  assert.ok(all.seen.most <= 64, String(all.seen.most));
});

test('what many budgets were charged with is told some at a time, and once', async () => {
  const all = world();
  const counters = 200;
  await takeOfEach('llm_tokens', all, counters);
  for (let i = 0; i < counters; i++) {
    all.limiter.settle(String(i), { model: 'm', promptTokens: 1, completionTokens: 1 });
  }
  all.clock.advance(2_500);
  await quiet(() => all.seen.spent >= 2 * counters);
  all.clock.advance(2_500);
  await quiet(() => false);
  assert.equal(all.seen.spent, 2 * counters);
  assert.ok(all.seen.most <= 64, String(all.seen.most));
});

test('counters are looked after in slices, so that a decision waits for some of them at most', async () => {
  const all = world();
  const counters = 2_500;
  await takeOfEach('llm_tokens', all, counters);
  for (let i = 0; i < counters; i++) {
    all.limiter.settle(String(i), { model: 'm', promptTokens: 1, completionTokens: 1 });
  }
  all.clock.advance(990);
  all.seen.looks = 0;
  const looksOfTimers: number[] = [];
  for (let ms = 0; ms < 20; ms++) {
    const before = all.seen.looks;
    all.clock.advance(1);
    looksOfTimers.push(all.seen.looks - before);
  }
  assert.ok(Math.max(...looksOfTimers) <= 1_000, String(looksOfTimers));
  assert.equal(all.seen.looks, counters);
  await all.limiter.stop();
});
