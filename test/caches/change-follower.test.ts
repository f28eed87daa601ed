import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createChangeFollower, type ChangeFollower } from '../../sidecar/caches/change-follower.ts';
import { createFreshness, type Freshness } from '../../sidecar/caches/freshness.ts';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Cache } from '../../sidecar/core/ports.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import {
  createRememberingLog,
  createScriptedStore,
  silentLog,
  storeIsAway,
  type RememberingLog,
  type ScriptedStore,
} from './scripted.ts';

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Following {
  readonly follower: ChangeFollower;
  readonly freshness: Freshness;
  readonly store: ScriptedStore;
  readonly clock: FakeClock;
  readonly cache: Cache;
  readonly log: RememberingLog;
  readonly resources: string[];
  readonly resets: string[];
}

async function follow(options: { pageSize?: number; store?: ScriptedStore; deaf?: boolean } = {}): Promise<Following> {
  const clock = createFakeClock();
  const store = options.store ?? createScriptedStore();
  const cache = await createCache('memory', {}, { clock, log: silentLog });
  const freshness = createFreshness({ maxTouched: 1_000, onOverflow: () => undefined });
  const log = createRememberingLog();
  const resources: string[] = [];
  const resets: string[] = [];
  const follower = createChangeFollower(
    { pollMs: 500, pageSize: options.pageSize ?? 100 },
    {
      store: options.deaf === true ? { ...store, changesSince: pages(store), onCommit: () => () => undefined } : store,
      cache,
      freshness,
      clock,
      log,
      onResourceChanges: (changes) => resources.push(...changes.map(({ kind, id }) => `${kind}/${id}`)),
      onReset: (reason) => resets.push(reason),
    },
  );
  return { follower, freshness, store, clock, cache, log, resources, resets };
}

/** The double's methods look at its own fields: a copy must go through the original. */
const pages =
  (store: ScriptedStore): ScriptedStore['changesSince'] =>
  (since, limit) =>
    store.changesSince(since, limit);

it('learns at the start which store it is and what was touched', async () => {
  const store = createScriptedStore();
  for (const name of ['a', 'b', 'c']) store.put(name);
  const { follower, freshness, clock, resources } = await follow({ store, pageSize: 2 });
  assert.equal(follower.lastReadAtMs(), Number.NEGATIVE_INFINITY);
  clock.advance(70);
  await follower.start();
  assert.deepEqual(follower.identity(), {
    storeId: 'store',
    epoch: 1,
    revision: 3,
    timeline: '00000001',
    fork: '@00000001',
  });
  assert.equal(freshness.applied(), 3);
  assert.equal(freshness.floor(), 0);
  assert.equal(freshness.size(), 3);
  assert.equal(follower.lastReadAtMs(), 70);
  assert.deepEqual(resources, []);
});

it('starts at the floor of a log that was trimmed', async () => {
  const store = createScriptedStore();
  for (const name of ['a', 'b', 'c']) store.put(name);
  store.trimLog(2);
  const { follower, freshness } = await follow({ store });
  await follower.start();
  assert.equal(freshness.floor(), 2);
  assert.equal(freshness.applied(), 3);
});

it('lets nothing be used, and may be started again, when the first read fails', async () => {
  const { follower, freshness, store } = await follow();
  store.through = storeIsAway;
  await assert.rejects(follower.start());
  assert.equal(freshness.mayUse('a', 100), false);
  store.through = undefined;
  await follower.start();
  assert.equal(freshness.mayUse('a', 0), true);
});

it('reads every pollMs, page after page until nothing is left', async () => {
  const { follower, freshness, store, clock, resources } = await follow({ pageSize: 2, deaf: true });
  await follower.start();
  for (const name of ['a', 'b', 'c', 'd', 'e']) store.put(name);
  store.changeResource('p1');
  await settle();
  assert.equal(freshness.applied(), 0);
  clock.advance(500);
  await settle();
  assert.equal(freshness.applied(), 6);
  assert.deepEqual(resources, ['policy/p1']);
  assert.equal(follower.lastReadAtMs(), 500);
});

it('reads at once after a commit of this process, and hints at it to the others', async () => {
  const { follower, freshness, store, cache } = await follow();
  const hints: number[] = [];
  cache.onHint((revision) => hints.push(revision));
  await follower.start();
  store.put('a');
  store.put('b');
  await settle();
  assert.equal(freshness.applied(), 2);
  assert.equal(hints.at(-1), 2);
});

it('reads at once on a hint, which carries nothing and makes nothing fresher', async () => {
  const { follower, freshness, store, cache, clock } = await follow({ deaf: true });
  await follower.start();
  store.put('a');
  clock.advance(100);
  store.through = storeIsAway;
  await cache.publishHint(1);
  await settle();
  assert.equal(freshness.applied(), 0);
  assert.equal(follower.lastReadAtMs(), 0);
  store.through = undefined;
  clock.advance(100);
  await cache.publishHint(1);
  await settle();
  assert.equal(freshness.applied(), 1);
  assert.equal(follower.lastReadAtMs(), 200);
});

it('does not let a flood of hints become a flood of reads', async () => {
  const { follower, store, cache, clock } = await follow({ deaf: true });
  await follower.start();
  const before = store.asked.pages;
  for (let i = 0; i < 100; i += 1) {
    await cache.publishHint(1_000_000 + i);
    await settle();
    if (i % 10 === 9) clock.advance(2);
  }
  assert.ok(store.asked.pages - before <= 3, String(store.asked.pages - before));
  await cache.publishHint(0);
  clock.advance(100);
  await settle();
  const quiet = store.asked.pages;
  await cache.publishHint(0);
  await settle();
  assert.equal(store.asked.pages, quiet, 'a hint at what is applied already is no reason to read');
});

it('counts the wait for an answer as age', async () => {
  const { follower, store, clock } = await follow({ deaf: true });
  await follower.start();
  let release: () => void = () => undefined;
  store.through = async (answer) => {
    await new Promise<void>((resolve) => (release = resolve));
    return answer();
  };
  clock.advance(500);
  await settle();
  clock.advance(300);
  release();
  await settle();
  assert.equal(follower.lastReadAtMs(), 500);
});

it('shares a read among those who ask for one during another', async () => {
  const { follower, store, freshness } = await follow({ deaf: true });
  await follower.start();
  const before = store.asked.pages;
  const releases: (() => void)[] = [];
  store.through = async (answer) => {
    const page = answer();
    await new Promise<void>((resolve) => releases.push(resolve));
    return page;
  };
  const first = follower.pull();
  store.put('a');
  const others = [follower.pull(), follower.pull(), follower.pull()];
  releases.shift()?.();
  await first;
  assert.equal(freshness.applied(), 0, 'the first began before the change');
  await settle();
  releases.shift()?.();
  await Promise.all(others);
  assert.equal(freshness.applied(), 1);
  assert.equal(store.asked.pages, before + 2);
});

it('goes on after a store that fails or never answers, and tells once', async () => {
  for (const through of [storeIsAway, <T>() => new Promise<T>(() => undefined)]) {
    const { follower, store, clock, freshness, log } = await follow({ deaf: true });
    await follower.start();
    store.through = through;
    for (let i = 0; i < 30; i += 1) {
      clock.advance(500);
      await settle();
    }
    assert.equal(follower.lastReadAtMs(), 0);
    assert.deepEqual(log.events(), ['changes_unreadable']);
    store.through = undefined;
    store.put('a');
    clock.advance(5_500);
    await settle();
    clock.advance(500);
    await settle();
    assert.equal(freshness.applied(), 1);
    assert.deepEqual(log.events(), ['changes_unreadable', 'changes_readable_again']);
  }
});

it('starts over when the store is another one, or no longer the same', async () => {
  for (const [change, reason] of [
    [{ storeId: 'other' }, 'store_changed'],
    [{ epoch: 2 }, 'epoch_changed'],
    [{ epoch: 2, revision: 2 }, 'epoch_changed'],
    [{ revision: 2 }, 'revision_went_back'],
    [{ timeline: '00000002' }, 'timeline_changed'],
    [{ timeline: '00000002', revision: 9 }, 'timeline_changed'],
  ] as const) {
    const { follower, store, freshness, resets, log } = await follow();
    for (const name of ['a', 'b', 'c', 'd']) store.put(name);
    await follower.start();
    store.become(change);
    await follower.pull();
    assert.deepEqual(resets, [reason]);
    assert.deepEqual(log.events(), ['state_reset']);
    assert.equal(freshness.floor(), change.revision ?? 4);
    assert.equal(freshness.generation(), 2);
    const { fork, ...identity } = follower.identity();
    assert.deepEqual(identity, { storeId: 'store', epoch: 1, revision: 4, timeline: '00000001', ...change });
    // What others cached of lost commits is not met again.
    if (reason === 'revision_went_back') assert.match(fork, /^@00000001-[0-9a-f]{16}$/);
    else assert.equal(fork, `@${identity.timeline}`);
    await follower.pull();
    assert.equal(resets.length, 1, 'once');
  }
});

it('starts over when the log no longer reaches back', async () => {
  const { follower, store, freshness, resets } = await follow({ deaf: true });
  await follower.start();
  for (const name of ['a', 'b', 'c', 'd']) store.put(name);
  store.trimLog(2);
  await follower.pull();
  assert.deepEqual(resets, ['log_gap']);
  assert.equal(freshness.floor(), 4);
});

it('does nothing more once stopped', async () => {
  const { follower, store, clock, cache } = await follow();
  await follower.start();
  follower.stop();
  const before = store.asked.pages;
  store.put('a');
  await cache.publishHint(9);
  clock.advance(5_000);
  await follower.pull();
  await settle();
  assert.equal(store.asked.pages, before);
});
