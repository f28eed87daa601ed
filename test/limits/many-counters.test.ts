/** What many counters say at the same moment must leave room for the look-ups of tokens on the same connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitEntry, LimitMeasure } from '../../sidecar/core/limit.ts';
import type { SharedCounters } from '../../sidecar/core/ports.ts';
import { createLimiter } from '../../sidecar/limits/limiter.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const counters = 200;

const limit = (measure: LimitMeasure): LimitEntry => ({
  id: measure,
  countedAs: measure,
  subjects: new Set(['*']),
  labels: [],
  per: ['consumer'],
  measure,
  most: 1_000,
  windowMs: 60_000,
  enforced: true,
  onCacheLoss: 'local',
});

function world() {
  const clock = createFakeClock();
  const seen = { asking: 0, most: 0, returned: 0, spent: 0 };
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
    { maxCounters: 1_000, maxOpenRequests: 1_000, placeLifeMs: 15_000 },
    {
      shared,
      places: undefined,
      isReachable: () => true,
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

async function takeOfEach(measure: LimitMeasure, { limiter, clock, seen }: ReturnType<typeof world>): Promise<void> {
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
  await takeOfEach('requests', all);
  all.clock.advance(1_500);
  await quiet(() => all.seen.returned >= counters);
  assert.equal(all.seen.returned, counters);
  assert.ok(all.seen.most <= 64, String(all.seen.most));
});

test('what many budgets were charged with is told some at a time, and once', async () => {
  const all = world();
  await takeOfEach('llm_tokens', all);
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
