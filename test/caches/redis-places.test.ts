import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Cache, SharedPlaces, WantedPlaces } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { failsAsCache } from '../contract/cache-contract.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { silentLog } from './scripted.ts';

let redis: TestRedis;
let cache: Cache;
let places: SharedPlaces;
const open = (storeId: string): Promise<Cache> =>
  createCache(redis.url, { timeoutMs: 2_000, storeId }, { clock: systemClock, log: silentLog });
before(async () => {
  redis = await startRedis();
  cache = await open('s');
  assert.ok(cache.places);
  places = cache.places;
});
after(async () => {
  await cache.close();
  await redis.stop();
});

const newKey = (): string => `limit:${randomUUID()}`;
/** How many the holder has now. */
async function hold(key: string, holder: string, wanted: Partial<WantedPlaces>): Promise<number> {
  const nothing = { limit: 20, underWay: 0, waiting: 0, kept: 0, ahead: 0, lifeMs: 60_000 };
  return (await places.hold(key, { holder, ...nothing, ...wanted })).held;
}

test('never lets more be held than the limit, whoever asks and however much at once', async () => {
  const key = newKey();
  const asked = Array.from({ length: 50 }, (_, i) => hold(key, `h${i}`, { kept: 3 }));
  assert.equal(
    (await Promise.all(asked)).reduce((sum, held) => sum + held, 0),
    20,
  );
  assert.equal(await hold(key, 'late', { kept: 1 }), 0);
});

test('replaces what a holder had: the same again changes nothing, and less leaves the rest to others', async () => {
  const key = newKey();
  for (let i = 0; i < 3; i++) assert.equal(await hold(key, 'a', { underWay: 5, kept: 15 }), 20);
  assert.equal(await hold(key, 'b', { kept: 1 }), 0);
  assert.equal(await hold(key, 'a', { underWay: 5 }), 5);
  assert.equal(await hold(key, 'b', { kept: 16 }), 15);
  assert.deepEqual(await places.look(key, 'c'), { held: 20, underWay: 5 });
  assert.deepEqual(await places.look(key, 'a'), { held: 15, underWay: 0 });
});

test('gives no more than an eighth of what is left beyond what is needed', async () => {
  const key = newKey();
  assert.equal(await hold(key, 'a', { waiting: 3, kept: 1, ahead: 10 }), 6);
  assert.deepEqual(await places.look(key, ''), { held: 6, underWay: 3 });
  assert.equal(await hold(key, 'b', { kept: 14, ahead: 10 }), 14);
});

test('requests under way are held beyond the limit, so that the sum is right', async () => {
  const key = newKey();
  await hold(key, 'a', { kept: 20 });
  assert.equal(await hold(key, 'b', { underWay: 7, kept: 2 }), 7);
  assert.deepEqual(await places.look(key, ''), { held: 27, underWay: 7 });
  assert.equal(await hold(key, 'a', { underWay: 2, kept: 18 }), 13);
});

test('what a holder does not hold again is free after its life', async () => {
  const key = newKey();
  assert.equal(await hold(key, 'dead', { underWay: 20, lifeMs: 100 }), 20);
  await until(async () => (await hold(key, 'b', { kept: 20 })) === 20, 'the places come back');
  assert.deepEqual(await redis.client.hkeys(redis.keyPrefix + key), ['b']);
  assert.ok((await redis.client.pttl(redis.keyPrefix + key)) > 0, 'the key goes by itself');
  await hold(key, 'b', {});
  assert.equal(await redis.client.exists(redis.keyPrefix + key), 0);
});

test('forged records are removed or refused, and grant no more than was asked for', async () => {
  const key = newKey();
  await redis.client.hset(redis.keyPrefix + key, {
    text: 'x',
    huge: `9${'9'.repeat(400)} 1 1`,
    negative: `-500 0 ${Date.now() + 10_000}`,
    eternal: `20 20 ${Date.now() + 10_000_000}`,
    long: `20 20 ${'9'.repeat(60)}`,
    ' ': '',
  });
  assert.equal(await hold(key, 'a', { kept: 3 }), 3);
  assert.deepEqual(await redis.client.hkeys(redis.keyPrefix + key), ['a']);
  await redis.client.hset(redis.keyPrefix + key, 'a', 'x');
  assert.equal(await hold(key, 'a', { underWay: 1, kept: 30 }), 20);
  const text = newKey();
  await redis.client.set(redis.keyPrefix + text, 'no hash');
  await assert.rejects(hold(text, 'a', { kept: 3 }), failsAsCache);
  await assert.rejects(places.look(text, 'a'), failsAsCache);
});

test('what is told reaches the sidecars of the same store, and is no hint', async () => {
  const [there, stranger] = [await open('s'), await open('other')];
  const heard: string[] = [];
  const wrong: unknown[] = [];
  there.places?.onTold((message) => heard.push(message));
  there.onHint((revision) => wrong.push(revision));
  stranger.places?.onTold((message) => wrong.push(message));
  await until(() => there.report().hints === true && stranger.report().hints === true, 'both listen');
  await places.tell('17');
  await until(() => heard.length > 0, 'it is heard');
  assert.deepEqual([heard, wrong], [['17'], []]);
  await there.close();
  await stranger.close();
});
