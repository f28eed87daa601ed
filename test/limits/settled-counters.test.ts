/** Limits that are closed or charged by the gateway's log. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { LimitEntry, LimitRefusal } from '../../sidecar/core/limit.ts';
import type { SharedCounters, WantedLease } from '../../sidecar/core/ports.ts';
import type { LlmUsage, PriceSpec } from '../../sidecar/core/prices.ts';
import { createLimiter, type LimitOutcome } from '../../sidecar/limits/limiter.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { limitOf as limit } from './limit-entry.ts';

/** In units for a million tokens: 1 and 10 for the small ones, 5 and 50 for the large one. */
const prices: readonly PriceSpec[] = [
  { model: 'small-*', input_micros: 1_000_000, output_micros: 10_000_000 },
  { model: 'large', input_micros: 5_000_000, output_micros: 50_000_000 },
];

/** What the log tells of a request. */
const tokens = (count: number): LlmUsage => ({ model: 'm', promptTokens: 0, completionTokens: count });

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

function world(shared?: SharedCounters, asker = 'a', maxCounters = 100) {
  const clock = createFakeClock();
  const outcomes: LimitOutcome[] = [];
  const unpriced: (readonly [upstream: string, model: string | undefined])[] = [];
  const state = { reachable: true };
  const limiter = createLimiter(
    { maxCounters, maxOpenRequests: 3, placeLifeMs: 15_000 },
    {
      shared,
      places: undefined,
      isReachable: () => state.reachable,
      asker,
      keyOf: (...names) => names.join(),
      clock,
      observe: (_limit, outcome) => outcomes.push(outcome),
      onUnpriced: (...what) => unpriced.push(what),
      observeEnds: () => undefined,
    },
  );
  let requests = 0;
  const take = async (
    ...entries: readonly LimitEntry[]
  ): Promise<{ readonly id: string; readonly refusal: LimitRefusal | undefined }> => {
    const id = `${asker}${++requests}`;
    const uses = entries.map((entry) => ({ limit: entry, counter: 'team' }));
    return { id, refusal: await limiter.take(uses, { id, atMs: clock.monotonic(), upstreamId: 'api', prices }) };
  };
  return { limiter, clock, take, state, outcomes, unpriced };
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

test('a counter that takes the place of the only other one counts', async () => {
  const { limiter } = world(undefined, 'a', 1);
  const one = limit('concurrent', 1);
  const take = (counter: string, id: string): unknown =>
    limiter.take([{ limit: one, counter }], { id, atMs: 0, upstreamId: 'api', prices });
  assert.equal(take('first', 'r1'), undefined);
  assert.equal(take('second', 'r2'), undefined);
  assert.deepEqual(take('second', 'r3'), { limit: one, retryAfterMs: 1_000, known: true });
});

test('more tokens than four billion are counted, and leave with the window', async () => {
  const { limiter, clock, take } = world();
  const budget = limit('llm_tokens', 5_000_000_000);
  for (let count = 0; count < 5; count++) limiter.settle((await take(budget)).id, tokens(1_000_000_000));
  assert.ok((await take(budget)).refusal);
  clock.advance(70_000);
  assert.equal((await take(budget)).refusal, undefined);
  assert.equal((await limiter.look([{ limit: budget, counter: 'team' }]))[0]?.used, 0);
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
  limiter.settle(first.id, tokens(999));
  assert.equal((await take(thousand)).refusal, undefined);
  limiter.settle(second.id, tokens(500));
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
  limiter.settle(first.id, tokens(50));
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
  here.limiter.settle(id, tokens(100));
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
  limiter.settle(id, tokens(60));
  clock.advance(1_250);
  await new Promise(setImmediate);
  link.reachable = false;
  const later = await take(hundred);
  assert.equal(later.refusal, undefined);
  limiter.settle(later.id, tokens(50));
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

test('a budget of cost is charged by the prices of the upstream, and goes on with what its requests cost', async () => {
  const { limiter, take, unpriced } = world();
  const cents = limit('cost', 1_000);
  const [small, large] = [await take(cents), await take(cents)];
  limiter.settle(small.id, { model: 'small-2', promptTokens: 100, completionTokens: 20 });
  limiter.settle(large.id, { model: 'large', promptTokens: 39, completionTokens: 10 });
  const almost = await take(cents);
  assert.equal(almost.refusal, undefined, '300 and 695 of 1000 micros');
  limiter.settle(almost.id, { model: 'small-2', promptTokens: 5, completionTokens: 0 });
  assert.ok((await take(cents)).refusal?.known);
  assert.deepEqual(unpriced, []);
});

test('a model without a price costs as much as the dearest, and is told of', async () => {
  const { limiter, take, unpriced } = world();
  const cents = limit('cost', 1_000);
  const { id } = await take(cents);
  limiter.settle(id, { model: 'new', promptTokens: 100, completionTokens: 10 });
  assert.deepEqual(unpriced, [['api', 'new']]);
  assert.ok((await take(cents)).refusal, '100 times 5 and 10 times 50');
});

test('counts more micros in a moment than four billion', async () => {
  const { limiter, take } = world();
  const much = limit('cost', 10_000_000_000);
  for (let i = 0; i < 9; i++) {
    const { id, refusal } = await take(much);
    assert.equal(refusal, undefined);
    limiter.settle(id, { model: 'large', promptTokens: 0, completionTokens: 24_000_000 });
  }
  assert.ok((await take(much)).refusal, '9 times 1.2 billion');
});

test('sidecars share a budget of cost', async () => {
  const { state, shared } = sharedBudget();
  const here = world(shared, 'here');
  const cents = limit('cost', 1_000);
  const { id } = await here.take(cents);
  here.limiter.settle(id, { model: 'large', promptTokens: 200, completionTokens: 0 });
  here.clock.advance(1_250);
  await new Promise(setImmediate);
  assert.equal(state.used, 1_000);
  assert.ok((await world(shared, 'there').take(cents)).refusal);
});

test('a budget that only warns goes on counting when it is used up', async () => {
  const { limiter, clock, take, outcomes } = world();
  const ten = { ...limit('llm_tokens', 10), enforced: false };
  limiter.settle((await take(ten)).id, tokens(10));
  clock.advance(59_000);
  limiter.settle((await take(ten)).id, tokens(10));
  clock.advance(4_000);
  await take(ten);
  assert.deepEqual(outcomes, ['allowed', 'warned', 'warned']);
});

test('a budget is charged for a request that ends long after it began, by all sidecars', async () => {
  const { limiter, clock, take } = world();
  const ten = limit('llm_tokens', 10);
  const { id } = await take(ten);
  clock.advance(45_000);
  limiter.settle(id, tokens(10));
  assert.ok((await take(ten)).refusal);

  const { state, shared } = sharedBudget();
  const here = world(shared, 'here');
  const long = await here.take(ten);
  await new Promise(setImmediate);
  here.clock.advance(45_000);
  here.limiter.settle(long.id, tokens(10));
  here.clock.advance(1_250);
  await new Promise(setImmediate);
  assert.equal(state.used, 10);
});

describe('looking at limits', () => {
  it('takes nothing, and says what is used and when some of it is free again', async () => {
    const { limiter, clock, take } = world();
    const limits = [limit('requests', 2), limit('concurrent', 2), limit('llm_tokens', 10), limit('cost', 1_000)];
    const uses = limits.map((entry) => ({ limit: entry, counter: 'team' }));
    const usedOf = async () => (await limiter.look(uses)).map(({ used }) => used);
    for (let i = 0; i < 5; i++) assert.deepEqual(await usedOf(), [0, 0, 0, 0]);
    const { id } = await take(...limits);
    clock.advance(10_000);
    assert.deepEqual(await usedOf(), [1, 1, 0, 0]);
    limiter.settle(id, { model: 'small-1', promptTokens: 3, completionTokens: 1 });
    assert.deepEqual(await usedOf(), [1, 0, 4, 13]);
    const [requests] = await limiter.look(uses);
    assert.ok(requests !== undefined && requests.freesInMs > 49_000 && requests.freesInMs < 53_000);
    assert.ok(requests.byAll);
  });

  it('asks what all sidecars used, and takes no lease', async () => {
    const asked: WantedLease[] = [];
    const shared: SharedCounters = {
      lease: async (_key, wanted) => {
        asked.push(wanted);
        return {
          granted: Math.min(wanted.units, 4),
          used: 40 + Math.min(wanted.units, 4),
          retryAfterMs: 7_000,
          slot: 1,
        };
      },
      giveBack: async () => undefined,
    };
    const { limiter, take } = world(shared);
    const fifty = limit('requests', 50);
    const uses = [{ limit: fifty, counter: 'team' }];
    assert.deepEqual(await limiter.look(uses), [
      { limit: fifty, counter: 'team', used: 40, freesInMs: 7_000, byAll: true },
    ]);
    assert.deepEqual(asked.map(({ units, spent, asker }) => [units, spent, asker]), [[0, 0, 'a.look']]); // prettier-ignore
    await take(fifty);
    assert.equal(asked.find(({ asker }) => asker === 'a')?.units, 1, 'looking is no ask of the leases');
  });

  it('says where it only knows what was counted here', async () => {
    const { state, shared } = sharedBudget();
    const { limiter, take, state: link } = world(shared);
    const ten = limit('llm_tokens', 10);
    const uses = [{ limit: ten, counter: 'team' }];
    limiter.settle((await take(ten)).id, tokens(3));
    state.used = 5;
    assert.deepEqual((await limiter.look(uses)).map(({ used, byAll }) => [used, byAll]), [[8, true]]); // prettier-ignore
    state.away = true;
    assert.deepEqual((await limiter.look(uses)).map(({ used, byAll }) => [used, byAll]), [[3, false]]); // prettier-ignore
    state.away = false;
    link.reachable = false;
    assert.deepEqual((await limiter.look(uses)).map(({ used, byAll }) => [used, byAll]), [[3, false]]); // prettier-ignore
  });
});
