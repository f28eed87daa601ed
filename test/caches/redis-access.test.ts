/** TLS, client certificates, ACL users, databases: who is let in, and what the others are told. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { createCache } from '../../sidecar/caches/index.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Cache } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { failsAsCache, until } from '../contract/cache-contract.ts';
import { makeCertificates, type Certificates } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createRememberingLog, silentLog, type RememberingLog } from './scripted.ts';

const timeoutMs = 2_000;
const shared = process.env['TEST_REDIS_URL'] !== undefined && 'the server is shared';

async function open(url: string): Promise<{ readonly cache: Cache; readonly log: RememberingLog }> {
  const log = createRememberingLog();
  return { log, cache: await createCache(url, { timeoutMs }, { clock: systemClock, log }) };
}

async function works(url: string): Promise<void> {
  const { cache } = await open(url);
  try {
    await until(() => cache.healthy(), 10_000);
    const heard: number[] = [];
    cache.onHint((revision) => heard.push(revision));
    await cache.set('key', 'value', 10_000);
    assert.equal(await cache.get('key'), 'value');
    await until(() => cache.report().hints === true);
    await cache.publishHint(5);
    await until(() => heard.length > 0);
    assert.deepEqual(cache.report().problems, []);
  } finally {
    await cache.close();
  }
}

async function isRefused(url: string, reason: RegExp): Promise<void> {
  const { cache, log } = await open(url);
  try {
    await until(() => log.events().includes('cache_unreachable'), 10_000);
    assert.match(JSON.stringify(log.lines), reason);
    assert.match(cache.report().problems[0] ?? '', reason);
    assert.doesNotMatch(JSON.stringify([log.lines, cache.report()]), /hunter2/);
    await assert.rejects(cache.get('key'), failsAsCache);
  } finally {
    await cache.close();
  }
}

describe('over TLS', { skip: shared }, () => {
  let certificates: Certificates;
  let redis: TestRedis;
  let url = '';
  before(async () => {
    certificates = makeCertificates();
    const port = await freePort();
    const { path } = certificates;
    const files = ['--tls-cert-file', path('server.pem'), '--tls-key-file', path('server.key')];
    redis = await startRedis({
      settings: ['--tls-port', String(port), '--tls-ca-cert-file', path('ca.pem'), ...files],
    });
    url = `rediss://127.0.0.1:${port}?ca=${path('ca.pem')}`;
  });
  after(async () => {
    await redis.stop();
    certificates.remove();
  });

  it('takes a client certificate, and takes it up when it is renewed', async () => {
    const { path } = certificates;
    const client = `&cert=${path('client.pem')}&key=${path('client.key')}`;
    const { cache, log } = await open(url + client);
    await until(() => log.events().includes('cache_unreachable'), 10_000);
    assert.equal(cache.healthy(), false);
    certificates.renewClient();
    await until(() => cache.healthy(), 15_000);
    await cache.close();
    await works(url + client);
    await works(`${url}${client}&servername=redis.test`);
  });

  it('refuses, and says what is missing', async () => {
    const { path } = certificates;
    certificates.renewClient();
    const client = `&cert=${path('client.pem')}&key=${path('client.key')}`;
    await isRefused(`${url}${client}&servername=other.test`, /ERR_TLS_CERT_ALTNAME_INVALID.*set servername/);
    await isRefused(url.replace('ca.pem', 'stranger.pem') + client, /set ca in the cache url/);
    await isRefused(url.replace(/\?.*/, `?${client.slice(1)}`), /set ca in the cache url/);
    await isRefused(`rediss://127.0.0.1:${redis.port}?ca=${path('ca.pem')}`, /TLS exactly where|ECONNRESET|EPROTO/);
    await isRefused(url, /CERTIFICATE_REQUIRED|ECONNRESET|connection_closed/);
  });

  it('does not start with a file that cannot be read', async () => {
    for (const [parameters, which] of [
      ['ca=/nowhere/hunter2', 'ca'],
      [`ca=${certificates.path('ca.pem')}&cert=/nowhere/hunter2&key=/nowhere/hunter2`, 'cert'],
    ] as const) {
      await assert.rejects(open(`rediss://127.0.0.1?${parameters}`), (error) => {
        assert.ok(error instanceof CredentialFlowError);
        assert.equal(error.code, 'config_invalid');
        assert.match(error.message, new RegExp(`\`${which}\` in the cache url cannot be read`));
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
    }
  });
});

describe('with ACL users', { skip: shared }, () => {
  let redis: TestRedis;
  const url = (user: string, rest = ''): string => `redis://${user}:hunter2@127.0.0.1:${redis.port}${rest}`;
  before(async () => {
    redis = await startRedis();
    const least = ['+getrange', '+set', '+del', '+publish', '+subscribe', '+ping'];
    const may = (user: string, ...rules: string[]): Promise<unknown> =>
      redis.client.call('ACL', 'SETUSER', user, 'on', '>hunter2', 'resetchannels', ...rules);
    await may('least', '~cf:*', '&cf:*', ...least);
    await may('informed', '~cf:*', '&cf:*', ...least, '+info', '+select');
    await may('reader', '~cf:*', '&cf:*', ...least, '-set');
    await may('elsewhere', '~other:*', '&other:*', ...least);
    await may('mute', '~cf:*', '&cf:*', ...least, '-ping');
  });
  after(() => redis.stop());

  it('works with what the documents call the least', async () => {
    const page = readFileSync('docs/operations.md', 'utf8');
    const [, rules = ''] = /ACL SETUSER credentialflow on >\S+ (.+)/.exec(page) ?? [];
    await redis.client.call('ACL', 'SETUSER', 'documented', 'on', '>hunter2', ...rules.split(' '));
    await works(url('documented'));
    await works(url('elsewhere', '?prefix=other:'));
    await works(url('informed', '/3'));
    assert.equal((await redis.client.keys('cf:key')).length, 1);
  });

  it('knows the server where it may ask', async (t) => {
    const { cache } = await open(url('informed'));
    t.after(() => cache.close());
    await until(() => cache.report().server['version'] !== undefined);
    assert.match(String(cache.report().server['version']), /^\d+\.\d+/);
  });

  it('says what a user may not do', async (t) => {
    const { cache, log } = await open(url('reader'));
    t.after(() => cache.close());
    await assert.rejects(cache.set('key', 'value', 1_000), failsAsCache);
    await cache.get('key');
    assert.match(cache.report().problems.join(), /refuses to set: NOPERM \(.*ACL/);
    await cache.set('key', 'value', 1_000).catch(() => undefined);
    assert.equal(log.events().filter((event) => event === 'cache_refuses').length, 1, 'once');
    await redis.client.call('ACL', 'SETUSER', 'reader', '+set');
    await cache.set('key', 'value', 1_000);
    assert.deepEqual(cache.report().problems, []);

    await isRefused(url('mute'), /NOPERM/);
    await isRefused(url('least', '/3'), /NO_SUCH_DATABASE/);
    await isRefused(url('informed', '/9999'), /NO_SUCH_DATABASE/);
    const other = await open(url('elsewhere'));
    t.after(() => other.cache.close());
    await assert.rejects(other.cache.get('key'), failsAsCache);
    assert.match(other.cache.report().problems.join(), /refuses to get: NOPERM/);
  });
});

describe('what a server says of itself', { skip: shared }, () => {
  for (const [settings, says] of [
    [
      ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'],
      /evicts when full \(allkeys-lru\): fine for a cache/,
    ],
    [['--maxmemory', '50mb'], /refuses writes when full \(noeviction\)/],
  ] as const) {
    it(`tells what ${settings.at(-1)} costs`, async (t) => {
      const redis = await startRedis({ settings });
      t.after(() => redis.stop());
      const { cache, log } = await open(redis.url);
      t.after(() => cache.close());
      await until(() => cache.report().notes.length > 0);
      assert.match(cache.report().notes.join(), says);
      assert.ok(log.events().includes('cache_note'));
    });
  }

  it('says so when it is full', async (t) => {
    const redis = await startRedis({ settings: ['--maxmemory', '1'] });
    t.after(() => redis.stop());
    const cache = await createCache(redis.url, { timeoutMs }, { clock: systemClock, log: silentLog });
    t.after(() => cache.close());
    await assert.rejects(cache.set('key', 'value', 1_000), failsAsCache);
    assert.equal(await cache.get('key'), undefined);
    assert.match(cache.report().problems.join(), /refuses to set: OOM/);
  });
});
