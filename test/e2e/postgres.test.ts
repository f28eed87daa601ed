import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { startPostgres, testPassword } from '../support/postgres.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';
import { gatewayKey, masterKey } from './restart-load.ts';
import { freePort } from '../support/free-port.ts';

const server = await startPostgres();
after(() => server.stop());

const keys = {
  CREDENTIALFLOW_MASTER_KEY: masterKey,
  CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
  CREDENTIALFLOW_LOG_KEY: 'log-key-for-the-postgres-test-0123456789abc',
  CREDENTIALFLOW_ADMIN_KEY: 'admin-key-for-the-postgres-test-0123456789ab',
  FLEET_SECRET: 's3cret',
  CREDENTIALFLOW_DRAIN_TIMEOUT: '1s',
};

const resources = `
upstreams: [{ id: api, preset: generic, base_url: "https://api.example.test", prefix: /api }]
credentials: [{ id: c, upstream: api, secret: { from: env, name: FLEET_SECRET } }]
consumers: [{ id: team, owner: team@example.test }]
policies: [{ id: all, effect: allow, consumers: [team], upstreams: [api] }]
`;

async function begin(t: TestContext, env: Record<string, string>, dataDir?: string): Promise<RunningSidecar> {
  const sidecar = await startSidecar({ env: { ...keys, ...env }, ...(dataDir === undefined ? {} : { dataDir }) });
  t.after(() => sidecar.stop());
  return sidecar;
}

async function ask({ urls }: RunningSidecar, token: string): Promise<number> {
  const headers = {
    'x-cf-gateway-key': gatewayKey,
    'x-cf-route': 'api',
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': '/api/x',
    'x-cf-raw-uri': '/api/x',
    authorization: `Bearer ${token}`,
  };
  const response = await fetch(`${urls.data}/api/auth`, { headers });
  await response.arrayBuffer();
  return response.status;
}

test('sidecars on one PostgreSQL share what they know: a revocation at one is a denial at the other', async (t) => {
  const store = await server.database('schema=credentialflow');
  const [a, b] = await Promise.all([1, 2].map(() => begin(t, { CREDENTIALFLOW_STORE: store })));
  assert.ok(a && b);
  const applied = await a.cli(['apply', '-f', '-'], resources);
  assert.equal(applied.code, 0, applied.stderr);
  const { id, token } = await a.issueToken('team');
  await until(async () => (await ask(b, token)) === 200, 'the other sidecar knows the token');
  const revoked = await b.cli(['token', 'revoke', id]);
  assert.equal(revoked.code, 0, revoked.stderr);
  await until(async () => (await ask(a, token)) === 401, 'the revocation has arrived');
  assert.equal(await ask(b, token), 401);
  const status = await a.json(['status']);
  assert.equal((status['store'] as { kind: string }).kind, 'postgres');
  for (const { logs, stderr } of [a, b]) assert.ok(!`${logs.join('')}${stderr()}`.includes(testPassword));
});

test('processes share the ports and the data directory, and keep their files apart', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cf-shared-data-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const env = {
    CREDENTIALFLOW_STORE: await server.database(),
    CREDENTIALFLOW_REUSE_PORT: 'true',
    CREDENTIALFLOW_DATA_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  const first = await begin(t, env, dataDir);
  const second = await begin(t, env, dataDir);
  assert.equal(first.urls.data, second.urls.data);
  assert.equal((await first.cli(['apply', '-f', '-'], resources)).code, 0);
  // Many connections, which the kernel spreads over both.
  await until(async () => {
    const statuses = await Promise.all(Array.from({ length: 40 }, () => ask(first, 'nothing')));
    return statuses.every((status) => status === 401);
  }, 'both know the upstream');
  assert.ok(existsSync(join(dataDir, 'server-2.json')));
  const { cache } = (await first.json(['status'])) as { cache: { kind: string; notes: readonly string[] } };
  assert.equal(cache.kind, 'memory');
  assert.match(cache.notes.join(), /limits and the rests of refused keys are kept by each process for itself/);
  await Promise.all([first.stop(), second.stop()]);
  for (const name of ['decisions.log', 'decisions-2.log']) assert.ok(existsSync(join(dataDir, 'audit', name)), name);
});

test('goes on with what it knows while the server is killed, says so, and is itself again afterwards', async (t) => {
  if (!server.own) {
    t.skip('the server is shared');
    return;
  }
  const sidecar = await begin(t, { CREDENTIALFLOW_STORE: await server.database() });
  assert.equal((await sidecar.cli(['apply', '-f', '-'], resources)).code, 0);
  const warm = (await sidecar.issueToken('team')).token;
  const cold = (await sidecar.issueToken('team')).token;
  await until(async () => (await ask(sidecar, warm)) === 200, 'the token is warm');
  await server.kill();
  assert.equal(await ask(sidecar, warm), 200);
  assert.equal(await ask(sidecar, cold), 503);
  await until(async () => {
    const text = await (await fetch(`${sidecar.urls.data}/readyz`)).text();
    return text.includes('store: changes cannot be read');
  }, '/readyz says why');
  await server.restart();
  await until(async () => (await ask(sidecar, cold)) === 200, 'the store is back');
});

test('does not start without its keys, or with a store that it cannot use, and says what to do', async () => {
  const url = await server.database();
  const wrong = new URL(url);
  wrong.password = 'wrong-pass';
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ CREDENTIALFLOW_STORE: url }, /the master key is missing: set CREDENTIALFLOW_MASTER_KEY/],
    [{ ...keys, CREDENTIALFLOW_STORE: wrong.href }, /the password is wrong, or the role does not exist/],
    [{ ...keys, CREDENTIALFLOW_STORE: `${url}?pool=5` }, /an option of the URL is not known/],
  ];
  for (const [env, message] of cases) {
    await assert.rejects(startSidecar({ env }), (error) => {
      assert.match(String(error), message);
      assert.ok(!String(error).includes('wrong-pass') && !String(error).includes(testPassword));
      return true;
    });
  }
  const look = await server.connect(url);
  assert.equal((await look.query(`SELECT 1 WHERE to_regclass('store_meta') IS NULL`)).rowCount, 1, 'a half start');
});
