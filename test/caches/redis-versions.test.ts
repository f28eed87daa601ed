/** What becomes of a server's word about its version; the server is a stand-in that answers PING and INFO. */
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Cache } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { until } from '../contract/cache-contract.ts';
import { startRedisStandIn } from '../support/redis-stand-in.ts';
import { createRememberingLog, type RememberingLog } from './scripted.ts';

async function connectTo(
  t: TestContext,
  info: string,
): Promise<{ readonly cache: Cache; readonly log: RememberingLog }> {
  const { url, stop } = await startRedisStandIn(info);
  const log = createRememberingLog();
  const cache = await createCache(url, { timeoutMs: 2_000 }, { clock: systemClock, log });
  t.after(async () => {
    await cache.close();
    stop();
  });
  await until(() => cache.report().server['version'] !== undefined, 20_000);
  return { cache, log };
}

it('says that a Redis is too old, and what would do, and goes on', async (t) => {
  for (const version of ['5.0.14', '2.8.24']) {
    const { cache, log } = await connectTo(t, `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`);
    assert.deepEqual(cache.report().notes, [`Redis ${version} is too old: use 6.0 or newer`]);
    assert.ok(log.events().includes('cache_note'));
    assert.equal(cache.healthy(), true);
    assert.equal(cache.report().server['version'], version);
  }
});

it('has nothing to say of a Redis that is new enough, nor of Valkey', async (t) => {
  for (const [info, version] of [
    ['redis_version:6.0.16\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n', '6.0.16'],
    ['redis_version:10.1.0\r\n', '10.1.0'],
    // As Valkey 8.0.1 says.
    ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nmaxmemory:0\r\n', '8.0.1'],
  ] as const) {
    const { cache } = await connectTo(t, info);
    assert.deepEqual([cache.report().notes, cache.report().server['version']], [[], version]);
  }
});
