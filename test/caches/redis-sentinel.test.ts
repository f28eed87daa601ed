import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Cache, Log } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { describeCache, failsAsCache, until } from '../contract/cache-contract.ts';
import { startSentinel, type TestSentinel } from '../support/redis-sentinel.ts';
import { hintsArrive, worksAgain } from './fail-over.ts';
import { createRememberingLog, silentLog } from './scripted.ts';

let set: TestSentinel | undefined;
before(async () => {
  set = await startSentinel();
});
after(() => set?.stop());

const timeoutMs = 2_000;
const open = (url = set?.url ?? '', log: Log = silentLog): Promise<Cache> =>
  createCache(url, { timeoutMs }, { clock: systemClock, log });

describe('behind Sentinel', { skip: process.env['TEST_REDIS_URL'] !== undefined && 'the server is shared' }, () => {
  describeCache('redis', async () => {
    const cache = await open();
    await until(() => cache.healthy(), 10_000);
    return cache;
  });

  it('reports how it is connected', async (t) => {
    const cache = await open();
    t.after(() => cache.close());
    await until(() => cache.report().server['version'] !== undefined);
    const report = cache.report();
    assert.deepEqual([report.connected, report.problems, report.server['mode']], [true, [], 'sentinel']);
  });

  it('says why, without repeating it, when the sentinels do not help', async (t) => {
    assert.ok(set);
    const hosts = set.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    for (const [url, reason] of [
      [set.url.replace('/main', '/other'), 'NO_SUCH_MASTER'],
      [set.url.replace('sentinel-hunter2', 'wrong-hunter2'), 'WRONGPASS'],
      [`redis-sentinel://${hosts}/main`, 'NOAUTH'],
      [set.url.replace('data-hunter2', 'wrong-hunter2'), 'WRONGPASS'],
      ['redis-sentinel://127.0.0.1:1/main', 'ECONNREFUSED'],
    ] as const) {
      const log = createRememberingLog();
      const cache = await open(url, log);
      t.after(() => cache.close());
      await until(() => log.events().includes('cache_unreachable'), 10_000);
      assert.match(JSON.stringify(log.lines), new RegExp(reason), url);
      assert.match(cache.report().problems[0] ?? '', new RegExp(`cannot be reached: ${reason} \\(\\w`));
      assert.doesNotMatch(JSON.stringify([log.lines, cache.report()]), /hunter2/);
      await assert.rejects(cache.get('key'), failsAsCache);
    }
  });

  it('follows a fail-over after the master hung, and a second one back after the other was killed', async (t) => {
    assert.ok(set);
    const cache = await open();
    t.after(() => cache.close());
    const heard: number[] = [];
    cache.onHint((revision) => heard.push(revision));
    await hintsArrive(cache, heard);
    const old = await set.master();
    // Paused, not killed: the sockets stay open, and the old master comes back as one that takes no writes.
    old.pause();
    await until(() => !cache.healthy(), 20_000);
    await worksAgain(cache);
    assert.notEqual(await set.master(), old);
    await hintsArrive(cache, heard);
    old.resume();
    await sleep(1_500);
    await worksAgain(cache);
    await hintsArrive(cache, heard);
    assert.equal(cache.healthy(), true);

    await (await set.master()).kill();
    await worksAgain(cache);
    assert.equal(await set.master(), old);
    await hintsArrive(cache, heard);
  });

  it('goes on while a sentinel is gone', async (t) => {
    assert.ok(set);
    await set.sentinels[0]?.kill();
    const cache = await open();
    t.after(() => cache.close());
    await until(() => cache.healthy(), 10_000);
    await cache.set('key', 'value', 1_000);
  });
});
