import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../sidecar/caches/index.ts';
import { slotOf } from '../../sidecar/caches/redis-slots.ts';
import type { Cache, Log } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { describeCache, failsAsCache, until } from '../contract/cache-contract.ts';
import { startCluster, type TestCluster } from '../support/redis-cluster.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { startRedis } from '../support/redis.ts';
import { createRememberingLog, silentLog } from './scripted.ts';

let cluster: TestCluster | undefined;
before(async () => {
  cluster = await startCluster({ replicas: 1 });
});
after(() => cluster?.stop());

const timeoutMs = 2_000;
const open = (url = cluster?.url ?? '', log: Log = silentLog): Promise<Cache> =>
  createCache(url, { timeoutMs }, { clock: systemClock, log });
const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
const failoverMs = 45_000;

/** Every key is written and read, each within its time. */
async function allWork(cache: Cache): Promise<boolean> {
  const began = performance.now();
  const outcomes = await Promise.all(
    keys.map((key) =>
      cache.set(key, 'value', 60_000).then(
        async () => (await cache.get(key).catch(() => undefined)) === 'value',
        (error: unknown) => {
          assert.ok(failsAsCache(error), String(error));
          return false;
        },
      ),
    ),
  );
  assert.ok(performance.now() - began < 10_000, 'nothing hangs');
  return outcomes.every(Boolean);
}

async function untilAllWork(cache: Cache): Promise<void> {
  const deadline = performance.now() + failoverMs;
  while (!(await allWork(cache))) {
    assert.ok(performance.now() < deadline, 'not all keys work again');
    await sleep(50);
  }
}

async function hintsArrive(from: Cache, heard: number[]): Promise<void> {
  const before = heard.length;
  for (let i = 1; heard.length === before; i += 1) {
    await from.publishHint(i).catch(() => undefined);
    await sleep(20);
    assert.ok(i < 600, 'no hint arrives');
  }
}

describe('a cluster', { skip: process.env['TEST_REDIS_URL'] !== undefined && 'the server is shared' }, () => {
  describeCache('redis', async () => {
    const cache = await open();
    await until(() => cache.healthy(), 10_000);
    return cache;
  });

  it('spreads keys as the cluster does', async (t) => {
    assert.ok(cluster);
    const cache = await open();
    t.after(() => cache.close());
    await untilAllWork(cache);
    const [node] = cluster.nodes;
    assert.ok(node);
    const client = cluster.client(node);
    for (const key of keys) assert.equal(await client.call('CLUSTER', 'KEYSLOT', `cf:${key}`), slotOf(`cf:${key}`));
    const sizes = await Promise.all((await cluster.masters()).map(async (master) => cluster?.client(master).dbsize()));
    assert.equal(sizes.length, 3);
    assert.ok(
      sizes.every((size) => (size ?? 0) > 5),
      String(sizes),
    );
  });

  it('follows a slot that moves, while it moves and afterwards', async (t) => {
    assert.ok(cluster);
    const cache = await open();
    t.after(() => cache.close());
    await untilAllWork(cache);
    const slot = slotOf('cf:moving');
    const [from, to] = await holders(cluster, slot);
    const [source, target] = [cluster.client(from), cluster.client(to)];
    const [sourceId, targetId] = [await source.call('CLUSTER', 'MYID'), await target.call('CLUSTER', 'MYID')];
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId));
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(targetId));
    await cache.set('moving', 'on its way', 60_000);
    assert.equal(await cache.get('moving'), 'on its way');
    assert.equal(await target.call('CLUSTER', 'COUNTKEYSINSLOT', slot), 1, 'asked there, as told');
    for (const client of [target, source]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(targetId));
    assert.equal(await cache.get('moving'), 'on its way');
    await cache.set('moving', 'there', 60_000);
    assert.equal(await cache.get('moving'), 'there');
  });

  it('works again by itself after a master hung, and after one was killed', async (t) => {
    assert.ok(cluster);
    const cache = await createCache(cluster.url, { timeoutMs: 200 }, { clock: systemClock, log: silentLog });
    t.after(() => cache.close());
    const heard: number[] = [];
    cache.onHint((revision) => heard.push(revision));
    await untilAllWork(cache);
    await hintsArrive(cache, heard);
    const [first] = await cluster.masters();
    assert.ok(first);
    first.pause();
    await until(() => !cache.healthy() || cache.report().problems.length > 0, 30_000).catch(() => undefined);
    await untilAllWork(cache);
    await hintsArrive(cache, heard);
    first.resume();
    await sleep(1_000);
    await untilAllWork(cache);
    const [next] = (await cluster.masters()).filter((master) => master !== first);
    assert.ok(next);
    await next.kill();
    await untilAllWork(cache);
    await hintsArrive(cache, heard);
    await until(() => cache.healthy(), failoverMs);
  });

  it('finds the nodes through any host that answers, and says so when none does', async (t) => {
    assert.ok(cluster);
    const [some] = await cluster.masters();
    const cache = await open(`redis-cluster://127.0.0.1:1,127.0.0.1:${some?.port ?? 0}`);
    t.after(() => cache.close());
    await untilAllWork(cache);

    const alone = await startRedis();
    t.after(() => alone.stop());
    for (const [url, reason] of [
      [`redis-cluster://127.0.0.1:${alone.port}`, 'ERR'],
      ['redis-cluster://127.0.0.1:1', 'ECONNREFUSED'],
    ] as const) {
      const log = createRememberingLog();
      const lost = await open(url, log);
      t.after(() => lost.close());
      await until(() => log.events().includes('cache_unreachable'), 10_000);
      await assert.rejects(lost.get('key'), failsAsCache);
      assert.match(lost.report().problems[0] ?? '', new RegExp(reason));
    }
  });

  it('tells who names one node of a cluster as a server of its own', async (t) => {
    assert.ok(cluster);
    const [some] = await cluster.masters();
    const log = createRememberingLog();
    const cache = await open(`redis://127.0.0.1:${some?.port ?? 0}`, log);
    t.after(() => cache.close());
    await Promise.allSettled(keys.map((key) => cache.get(key)));
    assert.match(JSON.stringify(cache.report().problems), /MOVED.*redis-cluster:\/\//);
  });
});

async function holders(of: TestCluster, slot: number): Promise<readonly [RedisServer, RedisServer]> {
  const masters = await of.masters();
  const [any] = masters;
  assert.ok(any);
  const ranges = (await of.client(any).call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
  const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
  const from = masters.find((master) => master.port === port);
  const to = masters.find((master) => master.port !== port);
  assert.ok(from && to);
  return [from, to];
}
