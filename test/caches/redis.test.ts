import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../sidecar/caches/index.ts';
import type { CacheOptions } from '../../sidecar/caches/kind.ts';
import { connectRedis } from '../../sidecar/caches/redis-connection.ts';
import { parseRedisUrl } from '../../sidecar/caches/redis-url.ts';
import type { Cache } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { describeCache, failsAsCache, until } from '../contract/cache-contract.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createRememberingLog, silentLog } from './scripted.ts';

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

/** Long, where time-outs are not the point: a busy machine is no hanging server. */
const timeoutMs = 2_000;

/** Connected: a start does not wait for Redis for long, and this machine may be slower than that. */
async function open(options: CacheOptions = {}): Promise<Cache> {
  const cache = await createCache(redis.url, { timeoutMs, ...options }, { clock: systemClock, log: silentLog });
  await until(() => cache.healthy(), 20_000);
  return cache;
}

describeCache('redis', () => open());

it('shares values and hints with other processes of the same store', async () => {
  const [here, there, elsewhere] = [
    await open({ storeId: 'a' }),
    await open({ storeId: 'a' }),
    await open({ storeId: 'b' }),
  ];
  await here.set('shared', 'value', 10_000);
  assert.equal(await there.get('shared'), 'value');
  assert.equal(await redis.client.get(`${redis.keyPrefix}shared`), 'value');
  assert.ok((await redis.client.pttl(`${redis.keyPrefix}shared`)) > 9_000);

  const [heard, wrong]: [number[], number[]] = [[], []];
  there.onHint((revision) => heard.push(revision));
  elsewhere.onHint((revision) => wrong.push(revision));
  for (let i = 1; heard.length === 0; i += 1) {
    await here.publishHint(i);
    await sleep(10);
    assert.ok(i < 300);
  }
  for (const junk of ['', 'NaN', '-1', '1e9', '9'.repeat(40), '{"revision":1}']) {
    await redis.client.publish(`${redis.keyPrefix}hints:a`, junk);
  }
  await here.publishHint(4_711);
  await until(() => heard.includes(4_711));
  assert.ok(
    heard.every((revision) => Number.isSafeInteger(revision) && revision > 0),
    String(heard),
  );
  assert.deepEqual(wrong, []);
  await Promise.all([here.close(), there.close(), elsewhere.close()]);
});

it('holds back what one turn of the loop asks, sends it together, and gives each its own answer', async (t) => {
  const { access, nodes } = parseRedisUrl(redis.url);
  const connection = connectRedis(
    { access, locate: async () => nodes[0], role: 'values', timeoutMs, connectTimeoutMs: timeoutMs },
    { clock: systemClock, log: silentLog, greet: (client) => client.ping() },
  );
  t.after(() => connection.close());
  await connection.tried;
  const { stream } = connection.client;
  assert.equal(stream.writableCorked, 0);
  const answers = Array.from({ length: 40 }, (_, i) => connection.run((client) => client.echo(String(i))));
  assert.equal(stream.writableCorked, 1);
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(stream.writableCorked, 0);
  assert.deepEqual(
    await Promise.all(answers),
    Array.from({ length: 40 }, (_, i) => String(i)),
  );
});

it('refuses a value that somebody made huge, and one of another type', async () => {
  const cache = await open();
  await redis.client.set(`${redis.keyPrefix}huge`, 'x'.repeat(20_000_000));
  await redis.client.set(`${redis.keyPrefix}just-over`, 'x'.repeat(65_537));
  await redis.client.lpush(`${redis.keyPrefix}list`, 'x');
  await assert.rejects(cache.get('huge'), failsAsCache);
  await assert.rejects(cache.get('just-over'), failsAsCache);
  await assert.rejects(cache.get('list'), failsAsCache);
  await cache.set('after', 'value', 1_000);
  assert.equal(await cache.get('after'), 'value');
  await cache.close();
});

it('comes up without its server, fails at once, and connects when the server is there', async (t) => {
  const own = await startRedis();
  t.after(() => own.stop());
  if (!own.own) {
    t.skip('the server is shared');
    return;
  }
  const { port, url } = own;
  await own.stop();
  const log = createRememberingLog();
  const began = performance.now();
  const cache = await createCache(url, { timeoutMs }, { clock: systemClock, log });
  t.after(() => cache.close());
  assert.ok(performance.now() - began < 1_500);
  assert.equal(cache.healthy(), false);
  const asked = performance.now();
  await assert.rejects(cache.get('key'), failsAsCache);
  assert.ok(performance.now() - asked < 200, 'nothing is queued');
  const heard: number[] = [];
  cache.onHint((revision) => heard.push(revision));

  const back = await startRedis({ port });
  t.after(() => back.stop());
  await until(() => cache.healthy(), 8_000);
  await cache.set('key', 'value', 1_000);
  assert.equal(await cache.get('key'), 'value');
  for (let i = 1; heard.length === 0; i += 1) {
    await cache.publishHint(i);
    await sleep(20);
    assert.ok(i < 400, 'no hint after the server came back');
  }
  assert.equal(log.events().filter((event) => event === 'cache_unreachable').length, 2, 'once for each connection');
});

it('loses its server and finds it again: calls fail in the meantime, hints arrive afterwards', async (t) => {
  const own = await startRedis();
  t.after(() => own.stop());
  if (!own.own) {
    t.skip('the server is shared');
    return;
  }
  const log = createRememberingLog();
  const cache = await createCache(own.url, { timeoutMs }, { clock: systemClock, log });
  t.after(() => cache.close());
  const heard: number[] = [];
  cache.onHint((revision) => heard.push(revision));
  await cache.set('key', 'value', 10_000);
  await own.kill();
  await until(() => !cache.healthy());
  await assert.rejects(cache.get('key'), failsAsCache);
  const back = await startRedis({ port: own.port });
  t.after(() => back.stop());
  await until(() => cache.healthy(), 8_000);
  assert.equal(await cache.get('key'), undefined);
  for (let i = 1; heard.length === 0; i += 1) {
    await cache.publishHint(i);
    await sleep(20);
    assert.ok(i < 400, 'no hint after the server came back');
  }
  assert.ok(log.events().includes('cache_connection_lost'));
});

it('fails within its time-out when the server hangs, and works again when it goes on', async (t) => {
  const own = await startRedis();
  t.after(() => own.stop());
  if (!own.own) {
    t.skip('the server is shared');
    return;
  }
  const cache = await createCache(own.url, { timeoutMs: 50 }, { clock: systemClock, log: silentLog });
  t.after(() => cache.close());
  await cache.set('key', 'value', 60_000);
  own.pause();
  for (let i = 0; i < 10; i += 1) {
    const calls = [cache.get('key'), cache.set('key', 'x', 1_000), cache.delete('key'), cache.publishHint(1)];
    const began = performance.now();
    for (const call of calls) await assert.rejects(call, failsAsCache);
    assert.ok(performance.now() - began < 500, `${performance.now() - began} ms`);
  }
  assert.equal(cache.healthy(), false);
  own.resume();
  await until(() => cache.healthy(), 8_000);
  await cache.set('key', 'again', 1_000);
  assert.equal(await cache.get('key'), 'again');
});

describe('a server with a password', () => {
  const password = 'hunter2-s3cret/+';
  let guarded: TestRedis;
  before(async () => {
    guarded = await startRedis({ password });
  });
  after(() => guarded.stop());

  it('is used with the right one', async (t) => {
    if (!guarded.own) {
      t.skip('the server is shared');
      return;
    }
    const cache = await createCache(guarded.url, { timeoutMs }, { clock: systemClock, log: silentLog });
    await cache.set('key', 'value', 1_000);
    assert.equal(await cache.get('key'), 'value');
    await cache.close();
  });

  it('is away with a wrong or missing one, and the log says why but not what', async (t) => {
    if (!guarded.own) {
      t.skip('the server is shared');
      return;
    }
    for (const [user, reason] of [
      [':wrong-hunter2@', 'WRONGPASS'],
      ['nobody:wrong-hunter2@', 'WRONGPASS'],
      ['', 'NOAUTH'],
    ] as const) {
      const log = createRememberingLog();
      const url = `redis://${user}127.0.0.1:${guarded.port}`;
      const cache = await createCache(url, { timeoutMs }, { clock: systemClock, log });
      cache.onHint(() => undefined);
      await until(() => log.events().includes('cache_unreachable'));
      const failure = await cache.get('key').catch((error: unknown) => error);
      assert.ok(failsAsCache(failure));
      assert.equal((failure as Error).cause, undefined);
      assert.match(JSON.stringify(log.lines), new RegExp(reason));
      assert.doesNotMatch(JSON.stringify(log.lines), /hunter2/);
      await sleep(300);
      assert.ok(log.lines.length <= 2, 'once for each connection, not once for each attempt');
      await cache.close();
    }
  });
});
