/** A wrong store, cache or key: a start that is refused whole, or a line of `status`; either says what to do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { start } from '../../sidecar/compose.ts';
import { loadConfig } from '../../sidecar/config/load-config.ts';
import { errorTable, type ErrorCode } from '../../sidecar/core/codes.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { checkMasterKey } from '../../sidecar/keys/check-master-key.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { lockDataDir } from '../../sidecar/stores/data-dir-lock.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { openPostgresStore } from '../../sidecar/stores/postgres.ts';
import { migrations } from '../../sidecar/stores/migrations/index.ts';
import { admin, ring, sealedCredential } from '../keys/support.ts';
import { freePort } from '../support/free-port.ts';
import { startPostgres, testPassword, type TestPostgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import { startRedisStandIn } from '../support/redis-stand-in.ts';
import { recordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

type Environment = Readonly<Record<string, string>>;

const adminKey = 'a'.repeat(40);
const keys: Environment = {
  CREDENTIALFLOW_MASTER_KEY: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
  CREDENTIALFLOW_GATEWAY_KEY: 'g'.repeat(40),
  CREDENTIALFLOW_LOG_KEY: 'l'.repeat(40),
  CREDENTIALFLOW_ADMIN_KEY: adminKey,
};
const wrongPassword = 'hunter2-that-is-wrong';

let home: string;
let dataPort: number;
let postgres: TestPostgres;
before(async () => {
  home = mkdtempSync(join(tmpdir(), 'cf-misconfigured-'));
  dataPort = await freePort();
  postgres = await startPostgres();
});
after(async () => {
  await postgres.stop();
  rmSync(home, { recursive: true, force: true });
});

async function begin(env: Environment): ReturnType<typeof start> {
  const all = {
    ...keys,
    CREDENTIALFLOW_DATA_DIR: join(home, 'data'),
    CREDENTIALFLOW_DATA_LISTEN: `127.0.0.1:${String(dataPort)}`,
    CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    ...env,
  };
  const { config } = loadConfig({ env: all, cwd: home });
  return start(config, { env: all, log: recordingLog() });
}

/** Says what is wrong, what to do, and no password; and leaves nothing of a start behind. */
async function isRefused(env: Environment, code: ErrorCode, says: RegExp): Promise<void> {
  // A start that succeeds must not outlive the test that says it cannot.
  const started = begin(env).then((running) => running.stop());
  await assert.rejects(started, (error) => {
    assert.ok(error instanceof CredentialFlowError, inspect(error));
    assert.equal(error.code, code, error.message);
    assert.match(`${error.message} ${JSON.stringify(error.problems)}`, says);
    assert.ok(errorTable[code].fix.length > 10, 'what to do');
    assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/);
    return true;
  });
  const socket = connect(dataPort, '127.0.0.1');
  await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' });
  lockDataDir(join(home, 'data'), { command: 'test', shared: false }, { clock: systemClock }).release();
}

/** Starts, decides without it, and `status` has the line. */
async function isTold(cache: string, where: 'problems' | 'notes', says: RegExp): Promise<void> {
  const running = await begin({ CREDENTIALFLOW_STORE: 'sqlite::memory:', CREDENTIALFLOW_CACHE: cache });
  try {
    let told = '';
    await until(
      async () => {
        const response = await fetch(`http://${running.addresses.admin}/api/v1/status`, {
          headers: { authorization: `Bearer ${adminKey}` },
        });
        const status = (await response.json()) as { cache: Readonly<Record<typeof where, readonly string[]>> };
        told = JSON.stringify(status);
        return status.cache[where].some((line) => says.test(line));
      },
      `status says ${String(says)}`,
    );
    assert.doesNotMatch(told, /hunter2/);
  } finally {
    await running.stop();
  }
}

function withStore(url: string): Environment {
  return { CREDENTIALFLOW_STORE: url };
}

describe('a start is refused', () => {
  it('with the url of a store or a cache that does not parse', async () => {
    await isRefused(withStore(`postgres://:${wrongPassword}@host/d`), 'config_invalid', /names no user/);
    await isRefused(withStore('mysql://host/d'), 'config_invalid', /CREDENTIALFLOW_STORE/);
    await isRefused({ CREDENTIALFLOW_CACHE: `redis://:${wrongPassword}@host/x` }, 'config_invalid', /database/);
    await isRefused({ CREDENTIALFLOW_CACHE: 'memcached://host' }, 'config_invalid', /CREDENTIALFLOW_CACHE/);
  });

  it('with credentials that PostgreSQL does not take', async () => {
    const url = new URL(await postgres.database());
    url.password = wrongPassword;
    await isRefused(withStore(url.href), 'store_failed', /the password is wrong, or the role does not exist/);
  });

  it('with a PostgreSQL that is too old', async (t) => {
    const url = new URL(await postgres.database());
    url.port = String(await startOlderPostgres(t, postgres));
    url.hostname = '127.0.0.1';
    await isRefused(withStore(url.href), 'store_failed', /13 or newer is needed/);
  });

  it('with a schema that a newer version made', async () => {
    const url = await postgres.database();
    const version = (migrations.postgres.at(-1)?.version ?? 0) + 1;
    const next = { version, name: 'test', sql: 'ALTER TABLE resources ADD COLUMN note TEXT' };
    const options = { migrations: [...migrations.postgres, next] };
    const store = await openPostgresStore(url.replace(/^postgres:/, ''), options, {
      clock: systemClock,
      log: recordingLog(),
    });
    await store.close();
    await isRefused(withStore(url), 'schema_newer', new RegExp(`schema ${String(version)}, this version knows`));
  });

  it('with a ring that lacks a key', async () => {
    const url = await postgres.database();
    const store = await openStore(url, {}, { clock: systemClock, log: recordingLog() });
    await checkMasterKey({ shared: false }, { store, keyring: ring('k9', 'k1'), log: recordingLog() });
    await store.write([await sealedCredential('main', ring('k9'))], admin);
    await store.close();
    await isRefused(withStore(url), 'keys_missing', /lacks the master key .*k9.*credential\/main/);
  });
});

describe('`status` says', () => {
  it('that Redis does not take the password, and that it evicts', async (t) => {
    const redis = await startRedis({
      password: testPassword,
      settings: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'],
    });
    t.after(() => redis.stop());
    if (!redis.own) {
      t.skip('the server is shared');
      return;
    }
    const at = `@127.0.0.1:${String(redis.port)}`;
    await isTold(`redis://:${wrongPassword}${at}`, 'problems', /WRONGPASS \(user or password of the cache url/);
    await isTold(redis.url, 'notes', /evicts when full \(allkeys-lru\): fine for a cache; what is evicted costs/);
  });

  it('that Redis is too old', async (t) => {
    const { url, stop } = await startRedisStandIn('redis_version:5.0.14\r\n');
    t.after(stop);
    await isTold(url, 'notes', /Redis 5\.0\.14 is too old: use 6\.0 or newer/);
  });
});

/** The server as it is, but for the number by which it names its version: a stand-in for one that nobody installs. */
async function startOlderPostgres(
  t: TestContext,
  { port, host, connect: ask, adminUrl }: TestPostgres,
): Promise<number> {
  const client = await ask(adminUrl);
  const { rows } = await client.query<{ n: string }>(`SELECT current_setting('server_version_num') AS n`);
  const { n: number = '' } = rows[0] ?? {};
  const proxy = createServer((socket) => {
    const server = connect(port, host);
    const end = (): void => {
      socket.destroy();
      server.destroy();
    };
    for (const side of [socket, server]) side.on('error', end).on('close', end);
    socket.pipe(server);
    server.on('data', (chunk) => {
      socket.write(Buffer.from(chunk.toString('latin1').replaceAll(number, '120022'), 'latin1'));
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  return (proxy.address() as AddressInfo).port;
}
