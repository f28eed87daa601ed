import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Cache, Lease, SharedCounters, WantedLease } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { failsAsCache } from '../contract/cache-contract.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { silentLog } from './scripted.ts';

let redis: TestRedis;
let cache: Cache;
let counters: SharedCounters;
before(async () => {
  redis = await startRedis();
  cache = await createCache(redis.url, { timeoutMs: 2_000 }, { clock: systemClock, log: silentLog });
  assert.ok(cache.counters);
  counters = cache.counters;
});
after(async () => {
  await cache.close();
  await redis.stop();
});

const newKey = (): string => `limit:${randomUUID()}`;
let serial = 0;
/** Each ask is one of its own. */
const lease = (key: string, wanted: Pick<WantedLease, 'limit' | 'units'> & Partial<WantedLease>): Promise<Lease> =>
  counters.lease(key, { windowMs: 60_000, spent: 0, asker: 'a', serial: ++serial, ...wanted });

test('never leases more than the limit, whoever asks and however much at once', async () => {
  const key = newKey();
  const asks = Array.from({ length: 300 }, () => lease(key, { limit: 100, units: 7 }));
  const granted = (await Promise.all(asks)).reduce((sum, lease) => sum + lease.granted, 0);
  assert.equal(granted, 100);
  const refused = await lease(key, { limit: 100, units: 1 });
  assert.deepEqual([refused.granted, refused.used], [0, 100]);
  assert.ok(refused.retryAfterMs > 50_000 && refused.retryAfterMs < 64_000, String(refused.retryAfterMs));
});

test('gives an eighth of what is left at most, and the last unit to whoever asks', async () => {
  const key = newKey();
  assert.equal((await lease(key, { limit: 80, units: 80 })).granted, 10);
  assert.equal((await lease(key, { limit: 11, units: 5 })).granted, 1);
});

test('takes back what was not used, once, and never more than is counted', async () => {
  const key = newKey();
  const { slot, granted } = await lease(key, { limit: 800, units: 20 });
  assert.equal(granted, 20);
  await counters.giveBack(key, slot, 15);
  assert.equal((await lease(key, { limit: 800, units: 1 })).used, 6);
  await counters.giveBack(key, slot, 1_000);
  assert.equal((await lease(key, { limit: 800, units: 1 })).used, 1);
  await counters.giveBack(newKey(), slot, 5);
});

test('is asked for nothing to say what is used, and counts a million of money in millionths', async () => {
  const key = newKey();
  const limit = 1_000_000_000_000;
  const look = { limit, units: 0, asker: 'a.look' };
  assert.deepEqual([(await lease(key, look)).used, (await lease(key, look)).granted], [0, 0]);
  await lease(key, { limit, units: 0, spent: 999_999_999_999 });
  assert.equal((await lease(key, look)).used, 999_999_999_999);
  await lease(key, { limit, units: 0, spent: 12_345_678_901 });
  const { used, granted } = await lease(key, look);
  assert.deepEqual([used, granted], [1_012_345_678_900, 0]);
  assert.equal((await lease(key, look)).used, used);
});

test('answers though more was used than it can say', async () => {
  const key = newKey();
  const { used, granted } = await lease(key, { limit: 10, units: 1, spent: 2_000_000_000_000_000 });
  assert.deepEqual([used, granted], [999_999_999_999_999, 0]);
});

test('counts what was spent without asking, even beyond the limit', async () => {
  const key = newKey();
  const told = await lease(key, { limit: 10, units: 1, spent: 12 });
  assert.deepEqual([told.granted, told.used], [0, 12]);
});

test('lets a window slide: what is older counts no more, and the key goes by itself', async () => {
  const key = newKey();
  const second = { windowMs: 1_000, limit: 1, units: 1 };
  assert.equal((await lease(key, second)).granted, 1);
  const refused = await lease(key, second);
  assert.equal(refused.granted, 0);
  await sleep(refused.retryAfterMs + 50);
  assert.equal((await lease(key, second)).granted, 1);
  assert.ok((await redis.client.pttl(redis.keyPrefix + key)) <= 1_200);
});

test('answers the same ask the same way, though others asked in between', async () => {
  const key = newKey();
  const mine = { limit: 100, units: 5, asker: 'me', serial: 1 };
  const first = await lease(key, mine);
  await lease(key, { limit: 100, units: 5, asker: 'you', serial: 1 });
  assert.deepEqual(await lease(key, mine), first);
  assert.equal((await lease(key, { ...mine, serial: 2 })).used, 15);
});

test('a forged counter is cleaned or refused, and grants no more than was asked for', async () => {
  const junk = newKey();
  await redis.client.hset(redis.keyPrefix + junk, { abc: '5', '99999999999999': '7', '1': 'x' });
  assert.equal((await lease(junk, { limit: 80, units: 3 })).granted, 3);
  const text = newKey();
  await redis.client.set(redis.keyPrefix + text, 'no hash');
  await assert.rejects(lease(text, { limit: 80, units: 3 }), failsAsCache);
  const negative = newKey();
  const { slot } = await lease(negative, { limit: 80, units: 1 });
  await redis.client.hset(redis.keyPrefix + negative, String(slot), '-1000000');
  assert.ok((await lease(negative, { limit: 80, units: 5 })).granted <= 5);
});

test('a server that may not run scripts is named once and refuses', async () => {
  await redis.client.call('ACL', 'SETUSER', 'noscript', 'on', '>pw', '~*', '&*', '+@all', '-eval');
  const url = redis.url.replace('redis://', 'redis://noscript:pw@');
  const other = await createCache(url, { timeoutMs: 2_000 }, { clock: systemClock, log: silentLog });
  await assert.rejects(
    other.counters?.lease(newKey(), { windowMs: 60_000, limit: 1, units: 1, spent: 0, asker: 'a', serial: 1 }) ??
      Promise.resolve(),
    failsAsCache,
  );
  assert.match(other.report().problems.join(), /count: NOPERM/);
  await other.close();
});
