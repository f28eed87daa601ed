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
import { hintsArrive, worksAgain } from './fail-over.ts';
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
    await worksAgain(cache, keys);
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
    await worksAgain(cache, keys);
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
    await worksAgain(cache, keys);
    await hintsArrive(cache, heard);
    const [first] = await cluster.masters();
    assert.ok(first);
    first.pause();
    await until(() => !cache.healthy() || cache.report().problems.length > 0, 30_000).catch(() => undefined);
    await worksAgain(cache, keys);
    await hintsArrive(cache, heard);
    first.resume();
    await sleep(1_000);
    await worksAgain(cache, keys);
    const [next] = (await cluster.masters()).filter((master) => master !== first);
    assert.ok(next);
    await next.kill();
    await worksAgain(cache, keys);
    await hintsArrive(cache, heard);
    await until(() => cache.healthy(), 45_000);
  });

  it('finds the nodes through any host that answers, and says so when none does', async (t) => {
    assert.ok(cluster);
    const [some] = await cluster.masters();
    const cache = await open(`redis-cluster://127.0.0.1:1,127.0.0.1:${some?.port ?? 0}`);
    t.after(() => cache.close());
    await worksAgain(cache, keys);

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
