import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheLoss, LimitEntry } from '../../sidecar/core/limit.ts';
import type { Clock, Lease, SharedCounters, WantedLease } from '../../sidecar/core/ports.ts';
import type { NoRoom } from '../../sidecar/limits/counter.ts';
import { createLeasedCounter } from '../../sidecar/limits/leased-counter.ts';
import { limitOf as entryOf } from './limit-entry.ts';

const limitOf = (requests: number, onCacheLoss: CacheLoss = 'local'): LimitEntry =>
  entryOf('requests', requests, onCacheLoss);

/** One counter over a scripted shared one; time stands still unless it is moved. */
function world(answer: (wanted: WantedLease) => Promise<Lease>) {
  const asked: WantedLease[] = [];
  const returned: number[] = [];
  let losses = 0;
  let serial = 0;
  const timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const state = { nowMs: 1_000_000, reachable: true, answer };
  const clock: Clock = {
    now: () => state.nowMs,
    monotonic: () => state.nowMs,
    after(ms, run) {
      const timer = { atMs: state.nowMs + ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer) >>> 0, 1);
    },
    every: () => () => undefined,
  };
  const shared: SharedCounters = {
    lease(_key, wanted) {
      asked.push(wanted);
      return state.answer(wanted);
    },
    async giveBack(_key, _slot, units) {
      returned.push(units);
    },
  };
  const counter = createLeasedCounter(
    { key: 'k', asker: 'me', windowMs: 60_000 },
    {
      shared,
      isReachable: () => state.reachable,
      clock,
      nextSerial: () => ++serial,
      background: (job) => void job(),
      onLoss: () => (losses += 1),
    },
  );
  return {
    state,
    asked,
    returned,
    losses: () => losses,
    counter,
    take: (limit: LimitEntry) => counter.take(limit, { id: '', atMs: state.nowMs }),
    pass(ms: number) {
      state.nowMs += ms;
      for (const timer of timers.filter(({ atMs }) => atMs <= state.nowMs)) timer.run();
    },
  };
}

const lease = (granted: number, used = granted, retryAfterMs = 0): Lease => ({ granted, used, retryAfterMs, slot: 7 });
const isRefused = (noRoom: NoRoom | undefined): noRoom is NoRoom => noRoom !== undefined;

test('asks once, then allows without asking while the lease has some left', async () => {
  const { take, asked } = world(async () => lease(10));
  assert.equal(await take(limitOf(1_000)), undefined);
  for (let i = 0; i < 5; i++) {
    const taken = take(limitOf(1_000));
    assert.ok(!(taken instanceof Promise) && taken === undefined);
  }
  assert.equal(asked.length, 1);
});

test('waits for a lease, although the look-up of the token took long', async () => {
  const { counter, state, losses, pass } = world(async () => {
    await new Promise(setImmediate);
    return lease(1);
  });
  const first = counter.take(limitOf(1_000, 'deny'), { id: '', atMs: state.nowMs - 500 });
  pass(0);
  assert.equal(await first, undefined);
  assert.equal(losses(), 0);
});

test('asks ahead when little is left, and nobody waits for that', async () => {
  const { take, asked } = world(async ({ units }) => lease(Math.max(8, units)));
  assert.equal(await take(limitOf(1_000)), undefined);
  for (let i = 0; i < 6; i++) assert.ok(!(take(limitOf(1_000)) instanceof Promise));
  assert.equal(asked.length, 2);
  await new Promise(setImmediate);
  for (let i = 0; i < 6; i++) assert.ok(!(take(limitOf(1_000)) instanceof Promise));
});

test('refuses from what it was told, asks again after a while, and allows when others gave back', async () => {
  const { state, take, asked, pass } = world(async () => lease(0, 100, 30_000));
  const refused = await take(limitOf(100));
  assert.deepEqual(refused, { retryAfterMs: 30_000, known: true });
  pass(100);
  assert.deepEqual(take(limitOf(100)), { retryAfterMs: 29_900, known: true });
  assert.equal(asked.length, 1);
  pass(200);
  state.answer = async () => lease(1, 100);
  assert.equal(await take(limitOf(100)), undefined);
});

test('gives back what a lease has left when its time is over', async () => {
  const { take, counter, returned, pass, state } = world(async () => lease(10));
  await take(limitOf(1_000));
  counter.tidy(state.nowMs);
  assert.deepEqual(returned, []);
  pass(1_000);
  counter.tidy(state.nowMs);
  counter.tidy(state.nowMs);
  assert.deepEqual(returned, [9]);
});

test('waits 10 ms for a slow cache, then goes on by itself for a while without asking', async () => {
  const { take, pass, asked, losses } = world(() => new Promise<Lease>(() => undefined));
  const waiting = take(limitOf(100));
  assert.ok(waiting instanceof Promise);
  pass(10);
  assert.equal(await waiting, undefined);
  const next = take(limitOf(100));
  assert.ok(!(next instanceof Promise) && next === undefined);
  assert.deepEqual([asked.length, losses()], [1, 2]);
});

test('without the cache it keeps to its share of before: a quarter of what all used', async () => {
  const { state, take, pass, asked } = world(async () => lease(asked.length === 1 ? 10 : 0, 40, 60_000));
  for (let i = 0; i < 10; i++) await take(limitOf(100));
  state.reachable = false;
  let allowed = 0;
  pass(1_000);
  for (let i = 0; i < 100; i++) if (!isRefused(await take(limitOf(100)))) allowed++;
  // Ten are counted already, of 25.
  assert.equal(allowed, 15);
  state.reachable = true;
  state.answer = async () => lease(1, 60);
  await take(limitOf(100));
  assert.equal(
    asked.reduce((sum, { spent }) => sum + spent, 0),
    15,
  );
});

test('asks the same again after an answer that was lost, so that nothing is granted or told twice', async () => {
  const { state, take, pass, asked } = world(() => Promise.reject(new Error('away')));
  assert.equal(await take(limitOf(100)), undefined);
  assert.equal(take(limitOf(100)), undefined);
  pass(300);
  state.answer = async () => lease(1);
  await take(limitOf(100));
  await new Promise(setImmediate);
  assert.deepEqual(
    asked.map(({ serial, spent }) => [serial, spent]),
    [
      [1, 0],
      [1, 0],
      [2, 2],
    ],
  );
});

test('denies or allows everything without the cache where the limit says so', async () => {
  const { state, take } = world(async () => lease(1));
  state.reachable = false;
  assert.deepEqual(take(limitOf(1, 'deny')), { retryAfterMs: 250, known: false });
  for (let i = 0; i < 5; i++) assert.equal(take(limitOf(1, 'allow')), undefined);
});
