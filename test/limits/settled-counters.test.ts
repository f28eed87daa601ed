/** Limits that are closed or charged by the gateway's log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheLoss, LimitEntry, LimitRefusal, LimitMeasure } from '../../sidecar/core/limit.ts';
import type { SharedCounters } from '../../sidecar/core/ports.ts';
import { createLimiter, type LimitOutcome } from '../../sidecar/limits/limiter.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const limit = (measure: LimitMeasure, most: number, onCacheLoss: CacheLoss = 'local'): LimitEntry => ({
  id: measure,
  countedAs: measure,
  subjects: new Set(['*']),
  labels: [],
  per: ['consumer'],
  measure,
  most,
  windowMs: measure === 'concurrent' ? 0 : 60_000,
  enforced: true,
  onCacheLoss,
});

/** What all sidecars of these tests charge, as Redis would count it. */
function sharedBudget() {
  const state = { used: 0, away: false, asked: 0, retryAfterMs: 5_000 };
  const answered = new Map<string, number>();
  const shared: SharedCounters = {
    async lease(_key, { spent, asker, serial }) {
      state.asked += 1;
      if (state.away) throw new Error('away');
      if (answered.get(asker) !== serial) state.used += spent;
      answered.set(asker, serial);
      return { granted: 0, used: state.used, retryAfterMs: state.retryAfterMs, slot: 1 };
    },
    giveBack: async () => undefined,
  };
  return { state, shared };
}

function world(shared?: SharedCounters, asker = 'a') {
  const clock = createFakeClock();
  const outcomes: LimitOutcome[] = [];
  const state = { reachable: true };
  const limiter = createLimiter(
    { maxCounters: 100, maxOpenRequests: 3 },
    {
      shared,
      isReachable: () => state.reachable,
      asker,
      keyOf: (...names) => names.join(),
      clock,
      observe: (_limit, outcome) => outcomes.push(outcome),
    },
  );
  let requests = 0;
  const take = async (
    ...entries: readonly LimitEntry[]
  ): Promise<{ readonly id: string; readonly refusal: LimitRefusal | undefined }> => {
    const id = `${asker}${++requests}`;
    const uses = entries.map((entry) => ({ limit: entry, counter: 'team' }));
    return { id, refusal: await limiter.take(uses, { id, atMs: clock.monotonic() }) };
  };
  return { limiter, clock, take, state, outcomes };
}

test('at most so many requests are under way, until the log tells of an end', async () => {
  const { limiter, take } = world();
  const two = limit('concurrent', 2);
  const first = await take(two);
  await take(two);
  assert.deepEqual((await take(two)).refusal, { limit: two, retryAfterMs: 1_000, known: true });
  limiter.settle(first.id, undefined);
  limiter.settle(first.id, undefined);
  limiter.settle('of another sidecar', undefined);
  assert.equal((await take(two)).refusal, undefined);
  assert.ok((await take(two)).refusal);
});

test('an end that no log told of is taken for one after ten minutes', async () => {
  const { clock, take } = world();
  const one = limit('concurrent', 1);
  await take(one);
  clock.advance(599_000);
  assert.ok((await take(one)).refusal);
  clock.advance(2_000);
  assert.equal((await take(one)).refusal, undefined);
});

test('a request that another limit refuses is not under way', async () => {
  const { take } = world();
  const one = limit('concurrent', 1);
  assert.ok((await take(one, limit('requests', 0))).refusal);
  assert.equal((await take(one)).refusal, undefined);
});

test('a budget is charged with what the log tells, and refuses when it is used up, until the window has slid on', async () => {
  const { limiter, clock, take } = world();
  const thousand = limit('llm_tokens', 1_000);
  const [first, second] = [await take(thousand), await take(thousand)];
  limiter.settle(first.id, 999);
  assert.equal((await take(thousand)).refusal, undefined);
  limiter.settle(second.id, 500);
  const { refusal } = await take(thousand);
  assert.ok(refusal?.known && refusal.retryAfterMs > 55_000);
  clock.advance(62_000);
  assert.equal((await take(thousand)).refusal, undefined);
});

test('a request without a known end costs nothing, and memory for open ones is bounded', async () => {
  const { limiter, take } = world();
  const ten = limit('llm_tokens', 10);
  const first = await take(ten);
  for (let i = 0; i < 10; i++) await take(ten);
  limiter.settle(first.id, 50);
  assert.equal((await take(ten)).refusal, undefined, 'the first one is forgotten');
  const last = await take(ten);
  limiter.settle(last.id, undefined);
  assert.equal((await take(ten)).refusal, undefined);
});

test('sidecars share a budget, and one that starts hears of it before it allows', async () => {
  const { state, shared } = sharedBudget();
  const here = world(shared, 'here');
  const hundred = limit('llm_tokens', 100);
  const { id } = await here.take(hundred);
  here.limiter.settle(id, 100);
  here.clock.advance(1_250);
  await new Promise(setImmediate);
  assert.equal(state.used, 100);
  const there = world(shared, 'there');
  assert.equal((await there.take(hundred)).refusal?.retryAfterMs, 5_000);
});

test('asks about a budget once a second, in the background', async () => {
  const { state, shared } = sharedBudget();
  const { take, clock } = world(shared);
  const hundred = limit('llm_tokens', 100);
  for (let i = 0; i < 50; i++) await take(hundred);
  assert.equal(state.asked, 1);
  state.used = 100;
  clock.advance(1_000);
  assert.equal((await take(hundred)).refusal, undefined);
  await new Promise(setImmediate);
  assert.ok((await take(hundred)).refusal);
  assert.equal(state.asked, 2);
});

test('without the cache a budget goes on with what it heard and charged, denies or allows; nothing is told twice', async () => {
  const { state, shared } = sharedBudget();
  const { limiter, take, clock, state: link, outcomes } = world(shared);
  const hundred = limit('llm_tokens', 100);
  const { id } = await take(hundred);
  state.away = true;
  limiter.settle(id, 60);
  clock.advance(1_250);
  await new Promise(setImmediate);
  link.reachable = false;
  const later = await take(hundred);
  assert.equal(later.refusal, undefined);
  limiter.settle(later.id, 50);
  assert.ok((await take(hundred)).refusal?.known);
  assert.equal((await take({ ...hundred, onCacheLoss: 'allow' })).refusal, undefined);
  assert.equal((await take({ ...hundred, onCacheLoss: 'deny' })).refusal?.known, false);
  assert.ok(outcomes.includes('alone'));
  state.away = false;
  link.reachable = true;
  for (let i = 0; i < 5; i++) {
    clock.advance(1_250);
    await new Promise(setImmediate);
  }
  assert.equal(state.used, 110);
});
