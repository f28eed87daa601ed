/** The real sidecar on a real PostgreSQL that is killed, while the sidecar is restarted. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { startPostgres, testPassword } from '../support/postgres.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';
import { gatewayKey, masterKey } from './restart-load.ts';

const server = await startPostgres();
after(() => server.stop());

const secret = 's3cret-of-the-last-good-test';
const keys = {
  CREDENTIALFLOW_MASTER_KEY: masterKey,
  CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
  CREDENTIALFLOW_LOG_KEY: 'log-key-for-the-last-good-test-0123456789ab',
  CREDENTIALFLOW_ADMIN_KEY: 'admin-key-for-the-last-good-test-0123456789',
  LAST_GOOD_SECRET: secret,
  CREDENTIALFLOW_DRAIN_TIMEOUT: '1s',
};

const resources = `
upstreams:
  - { id: patient, preset: generic, base_url: "https://patient.example.test", max_stale: 1h }
  - { id: strict, preset: generic, base_url: "https://strict.example.test", max_stale: 2s }
credentials:
  - { id: p, upstream: patient, secret: { from: env, name: LAST_GOOD_SECRET } }
  - { id: s, upstream: strict, secret: { from: env, name: LAST_GOOD_SECRET } }
consumers: [{ id: very-recognisable-team, owner: team@example.test }]
policies: [{ id: all, effect: allow, consumers: ["*"], upstreams: ["*"] }]
`;
const team = 'very-recognisable-team';

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly authorization: string | null;
}

async function ask({ urls }: RunningSidecar, upstream: string, token: string): Promise<Answer> {
  const headers = {
    'x-cf-gateway-key': gatewayKey,
    'x-cf-route': upstream,
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': `/${upstream}/x`,
    'x-cf-raw-uri': `/${upstream}/x`,
    authorization: `Bearer ${token}`,
  };
  const response = await fetch(`${urls.data}/api/auth`, { headers });
  return {
    status: response.status,
    reason: await response.text(),
    authorization: response.headers.get('authorization'),
  };
}

test('a sidecar that is restarted while PostgreSQL is away serves what it knew, until max_stale, and says so', async (t) => {
  if (!server.own) {
    t.skip('the server is shared');
    return;
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'cf-last-good-data-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const env = { ...keys, CREDENTIALFLOW_STORE: await server.database() };
  const begin = (more: Readonly<Record<string, string>> = {}): Promise<RunningSidecar> =>
    begun(t, { dataDir, env: { ...env, ...more } });

  const first = await begin();
  assert.equal((await first.cli(['apply', '-f', '-'], resources)).code, 0);
  const warm = await first.issueToken(team);
  const cold = await first.issueToken(team);
  await until(async () => (await ask(first, 'strict', warm.token)).status === 200, 'the token is warm');
  await first.stop();
  for (const name of readdirSync(join(dataDir, 'last-good'))) {
    const bytes = readFileSync(join(dataDir, 'last-good', name));
    for (const word of [secret, warm.token, warm.id, team, 'patient', testPassword])
      assert.ok(!bytes.includes(word), word);
  }

  await server.kill();
  const second = await begin({ LAST_GOOD_SECRET: `${secret}-rotated` });
  // The secret is the one of today, though nobody could be asked.
  const { status, authorization } = await ask(second, 'patient', warm.token);
  assert.deepEqual([status, authorization], [200, `Bearer ${secret}-rotated`]);
  const unknown = await ask(second, 'patient', cold.token);
  assert.deepEqual([unknown.status, unknown.reason.includes('store_unavailable')], [503, true], unknown.reason);
  await until(
    async () => (await ask(second, 'strict', warm.token)).reason.includes('state_stale'),
    'max_stale is over',
  );
  assert.ok(
    second.logs.some((line) => line.includes('"event":"serving_last_good"') && line.includes('"level":"warn"')),
  );
  const ready = await (await fetch(`${second.urls.data}/readyz`)).text();
  assert.match(ready, /"ready":true.*store: not reached since the start \(what was known at 20/);
  const told = await second.json(['status']);
  assert.partialDeepStrictEqual(told, {
    store: { kind: 'postgres', reachable: false },
    snapshot: { from: 'last_good' },
    last_good: { enabled: true, problem: null },
  });
  const refused = await fetch(`${second.urls.admin}/api/v1/consumers/new`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${keys.CREDENTIALFLOW_ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ owner: 'x@example.test' }),
  });
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /store_failed/);

  // However often it is killed and started: what is over stays over.
  second.process.kill('SIGKILL');
  await once(second.process, 'exit');
  const third = await begin();
  assert.equal((await ask(third, 'patient', warm.token)).status, 200);
  assert.ok((await ask(third, 'strict', warm.token)).reason.includes('state_stale'));
  await server.restart();
  await until(async () => (await ask(third, 'strict', cold.token)).status === 200, 'the store is back');
  assert.equal((await third.cli(['token', 'revoke', warm.id])).code, 0);
  await until(async () => (await ask(third, 'patient', warm.token)).status === 401, 'a revocation arrives');
  assert.partialDeepStrictEqual(await third.json(['status']), {
    store: { reachable: true },
    snapshot: { from: 'store' },
  });
  assert.deepEqual(JSON.parse(await (await fetch(`${third.urls.data}/readyz`)).text()), { ready: true, reasons: [] });
  for (const { logs, stderr } of [first, second, third]) {
    for (const word of [secret, warm.token, testPassword])
      assert.ok(!`${logs.join('')}${stderr()}`.includes(word), word);
  }

  // What it wrote since does not bring the revoked token back.
  await third.stop();
  await server.kill();
  const fourth = await begin();
  assert.notEqual((await ask(fourth, 'patient', warm.token)).status, 200);
  assert.equal((await ask(fourth, 'patient', cold.token)).status, 200);
  await fourth.stop();
  await server.restart();
});

test('a sidecar without the store and without a state of its own does not start, and says why', async (t) => {
  if (!server.own) {
    t.skip('the server is shared');
    return;
  }
  const store = await server.database();
  await server.kill();
  t.after(() => server.restart());
  for (const [more, why] of [
    [{}, /none was written yet/],
    [{ CREDENTIALFLOW_LAST_GOOD: 'false' }, /postgres/],
  ] as const) {
    const failed = begun(t, { env: { ...keys, CREDENTIALFLOW_STORE: store, ...more } });
    await assert.rejects(failed, (error: Error) => {
      assert.match(error.message, why);
      assert.ok(!error.message.includes(testPassword));
      return true;
    });
  }
});

async function begun(t: TestContext, options: Parameters<typeof startSidecar>[0]): Promise<RunningSidecar> {
  const sidecar = await startSidecar(options);
  t.after(() => sidecar.stop());
  return sidecar;
}
