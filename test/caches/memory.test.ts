import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createCache } from '../../sidecar/caches/index.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { describeCache } from '../contract/cache-contract.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { silentLog } from './scripted.ts';

describeCache('memory', () => createCache('memory', {}, { clock: systemClock, log: silentLog }));

it('stays within its bound: the least recently used values go first', async () => {
  const cache = await createCache('memory', {}, { clock: createFakeClock(), log: silentLog });
  const value = 'x'.repeat(65_536);
  await cache.set('first', value, 60_000);
  for (let i = 0; i < 300; i += 1) await cache.set(`key-${i}`, value, 60_000);
  assert.equal(await cache.get('first'), undefined);
  assert.equal(await cache.get('key-299'), value);
});

it('measures the time to live on its clock', async () => {
  const clock = createFakeClock();
  const cache = await createCache('memory', {}, { clock, log: silentLog });
  await cache.set('key', 'value', 1_000);
  clock.advance(999);
  assert.equal(await cache.get('key'), 'value');
  clock.advance(1);
  assert.equal(await cache.get('key'), undefined);
});

it('refuses what is no cache, without repeating it', async () => {
  for (const url of [
    '',
    'memcached://:hunter2@host',
    'memory2',
    'redis://:hunter2@host/x',
    'redis://:hunter2@host?enableOfflineQueue=true',
    'redis://:hunter2%zz@host',
    'redis:hunter2',
    'redis://:hunter2@host:99999',
    'toString',
    'constructor:hunter2',
  ]) {
    await assert.rejects(createCache(url, {}, { clock: createFakeClock(), log: silentLog }), (error: unknown) => {
      assert.ok(error instanceof CredentialFlowError);
      assert.equal(error.code, 'config_invalid');
      assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /hunter2/);
      return true;
    });
  }
});
