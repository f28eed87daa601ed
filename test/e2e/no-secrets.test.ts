/**
 * Promise 1: no secret and no token in any log, metric, error, audit line, Redis value, database column or printed
 * object. The run below takes every kind of branch at the most talkative log level; then everything it left is searched.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { start } from '../../sidecar/compose.ts';
import { createSnapshots } from '../../sidecar/compose/snapshots.ts';
import { createTokenState } from '../../sidecar/compose/state.ts';
import { loadConfig } from '../../sidecar/config/load-config.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { createMetrics } from '../../sidecar/ops/metrics.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { recordingLog } from '../support/recording-log.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const envSecret = 'sk-env-5ecret-of-the-upstream';
const fileSecret = 'sk-file-5ecret-of-the-upstream';
const sealedSecret = 'sk-sealed-5ecret-of-the-upstream';
const brokenSecret = 'sk-broken-5ecret\nX-Evil: 1';
const foreignKey = 'sk-foreign-key-that-a-client-sent-by-mistake';

const resources = (secretFile: string): string => `
upstreams:
  - { id: env, preset: openai, prefix: /env }
  - { id: file, preset: anthropic, prefix: /file }
  - { id: sealed, preset: gemini, prefix: /sealed }
  - { id: broken, preset: mistral, prefix: /broken }
  - { id: missing, preset: cohere, prefix: /missing }
credentials:
  - { id: env-main, upstream: env, secret: { from: env, name: ENV_SECRET } }
  - { id: file-main, upstream: file, secret: { from: file, path: "${secretFile}" } }
  - { id: broken-main, upstream: broken, secret: { from: env, name: BROKEN_SECRET } }
  - { id: missing-main, upstream: missing, secret: { from: env, name: NOT_SET } }
consumers: [{ id: team, owner: team@example.test }]
policies:
  - { id: all, effect: allow, consumers: [team], upstreams: ["*"], methods: [POST] }
  - { id: never, effect: deny, consumers: [team], upstreams: ["*"], paths: [/forbidden] }
`;

let redis: TestRedis;
let sidecar: RunningSidecar;
const folder = mkdtempSync(join(tmpdir(), 'cf-no-secrets-'));
/** What must be nowhere; by the name that a failure shows. */
const needles = new Map<string, string>();
const errorBodies: string[] = [];

before(async () => {
  redis = await startRedis();
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, `${fileSecret}\n`, { mode: 0o600 });
  sidecar = await startSidecar({
    resources: resources(secretFile),
    env: {
      ENV_SECRET: envSecret,
      BROKEN_SECRET: brokenSecret,
      CREDENTIALFLOW_LOG_LEVEL: 'debug',
      CREDENTIALFLOW_CACHE: redis.url,
      CREDENTIALFLOW_DRAIN_TIMEOUT: '1s',
    },
  });
  await exercise();
});
after(async () => {
  await sidecar.stop();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

type Headers = Readonly<Record<string, string>>;

async function ask(upstream: string, headers: Headers, path = '/v1/x'): Promise<number> {
  const uri = `/${upstream}${path}`;
  const answer = await fetch(`${sidecar.urls.data}/api/auth`, {
    headers: {
      'x-cf-gateway-key': sidecar.keys.gateway,
      'x-cf-route': upstream,
      'x-cf-request-id': 'r1',
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': uri,
      'x-cf-raw-uri': uri,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      ...headers,
    },
  });
  const body = await answer.text();
  if (answer.status !== 200)
    errorBodies.push(`${String(answer.status)} ${JSON.stringify([...answer.headers])} ${body}`);
  return answer.status;
}

async function admin(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<string> {
  const answer = await fetch(`${sidecar.urls.admin}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${sidecar.keys.admin}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) errorBodies.push(text);
  return text;
}

async function exercise(): Promise<void> {
  await sidecar.json(['credential', 'set', 'sealed-main', '--upstream', 'sealed'], sealedSecret);
  const live = await sidecar.issueToken('team');
  const revoked = await sidecar.issueToken('team');
  const rotated = JSON.parse(await admin('POST', `/tokens/${live.id}/rotate`, { overlap: '1h' })) as { token: string };
  await admin('POST', `/tokens/${revoked.id}/revoke`);
  const last = live.token.endsWith('A') ? 'B' : 'A';
  const forged = live.token.slice(0, -1) + last;
  for (const [name, value] of Object.entries({ envSecret, fileSecret, sealedSecret, foreignKey, forged })) needles.set(name, value); // prettier-ignore
  needles.set('brokenSecret', 'sk-broken-5ecret');
  for (const [name, { token }] of Object.entries({ live, revoked, rotated })) needles.set(`${name} token`, token);
  for (const [name, key] of Object.entries(sidecar.keys)) needles.set(`${name} key`, key);

  const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
  await until(async () => (await ask('env', bearer(live.token))) === 200);
  const statuses = {
    file: await ask('file', { 'x-api-key': live.token }),
    sealed: await ask('sealed', { 'x-goog-api-key': rotated.token }),
    broken: await ask('broken', bearer(live.token)),
    missing: await ask('missing', bearer(live.token)),
    revoked: await ask('env', bearer(revoked.token)),
    forged: await ask('env', bearer(forged)),
    foreign: await ask('env', bearer(foreignKey)),
    basic: await ask('env', { authorization: `Basic ${Buffer.from(`x:${live.token}`).toString('base64')}` }),
    two: await ask('file', { ...bearer(live.token), 'x-api-key': foreignKey }),
    query: await ask('env', bearer(live.token), `/v1/x?api_key=${live.token}`),
    inPath: await ask('env', bearer(live.token), `/v1/${live.token}`),
    path: await ask('env', bearer(live.token), '/v1/../x'),
    denied: await ask('env', bearer(live.token), '/forbidden'),
    gateway: await ask('env', { ...bearer(live.token), 'x-cf-gateway-key': `${sidecar.keys.gateway}x` }),
    unresolved: await ask('env', { ...bearer(live.token), 'x-cf-gateway-key': '://GATEWAY_KEY' }),
    route: await ask('nowhere', bearer(live.token)),
  };
  assert.deepEqual(statuses, {
    file: 200, sealed: 200, broken: 503, missing: 503, revoked: 401, forged: 401, foreign: 401, basic: 401, two: 401,
    query: 401, inPath: 200, path: 400, denied: 403, gateway: 401, unresolved: 401, route: 403,
  }); // prettier-ignore
  const self = await fetch(`${sidecar.urls.data}/api/token/self`, { headers: bearer(live.token) });
  errorBodies.push(await self.text());
  const wrongLogKey = { authorization: `Bearer ${sidecar.keys.gateway}` };
  const logs = await fetch(`${sidecar.urls.data}/api/logs`, { method: 'POST', headers: wrongLogKey, body: '[]' });
  assert.equal(logs.status, 401);
  errorBodies.push(await logs.text());
  // What administrators get wrong: a secret where a reference belongs, broken JSON around one, a wrong admin key.
  await admin('PUT', '/credentials/clear', { upstream: 'env', secret: envSecret });
  await admin('PUT', '/credentials/clear', `{"secret": "${envSecret}`);
  await admin('POST', '/apply?source=x', `credentials: [{id: c, upstream: env, secret: ${envSecret}}]`);
  await admin('POST', '/apply?source=x', `tokens: [{consumer: team, sha256: ${live.token}}]`);
  await admin('PUT', '/credentials/env-main/secret', { secret: brokenSecret });
  await admin('GET', '/status', undefined, { authorization: `Bearer ${sidecar.keys.admin}x` });
  await admin('GET', `/tokens/${live.token}`);
  writeFileSync(sidecar.resourcesFile, `credentials: [{id: c, upstream: env, secret: ${envSecret}}]\n`);
  await until(() => Promise.resolve(sidecar.logs.some((line) => line.includes('resource_file') && line.includes('invalid')))); // prettier-ignore
  // Audit and last-used times are written on their own.
  await new Promise((resolve) => setTimeout(resolve, 300));
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within 10 s; last log lines:\n${sidecar.logs.slice(-5).join('\n')}`);
}

/** Also as base64 and percent-encoded text would carry it. */
function assertClean(where: string, text: string): void {
  assert.ok(text.length > 0, `${where} is empty: nothing was tested`);
  for (const [name, needle] of needles) {
    for (const form of [
      needle,
      Buffer.from(needle).toString('base64').replace(/=+$/, ''),
      encodeURIComponent(needle),
    ]) {
      const at = text.indexOf(form);
      assert.ok(at < 0, `the ${name} is in ${where}: …${text.slice(Math.max(0, at - 120), Math.max(0, at))}█`);
    }
  }
}

describe('no secret and no token', () => {
  it('is in the log, at its most talkative', () => {
    const text = sidecar.logs.join('\n') + sidecar.stderr();
    assert.match(text, /"event":"decision"/, 'decisions are logged at this level');
    assertClean('the log', text);
  });

  it('is in the metrics', async () =>
    assertClean('/metrics', await (await fetch(`${sidecar.urls.metrics}/metrics`)).text()));

  it('is in the audit files', () => {
    const text = readFileSync(join(sidecar.dataDir, 'audit', 'decisions.log'), 'utf8');
    assert.match(text, /policy_denied/);
    assertClean('the audit', text);
  });

  it('is in an answer that is no allow', () => {
    assert.ok(errorBodies.length > 15);
    assertClean('an answer', errorBodies.join('\n'));
  });

  it('is in what administrators can read', async () => {
    const exported = await admin('GET', '/export');
    assert.match(exported, /from: sealed/);
    assertClean('the export', exported);
    for (const path of ['/status', '/audit', '/tokens', '/credentials', '/gateways', '/sealing-key']) {
      assertClean(path, await admin('GET', path));
    }
  });

  it('is in the database files', () => {
    const files = readdirSync(sidecar.dataDir).filter((name) => name.startsWith('credentialflow.db'));
    assert.ok(files.length > 0);
    for (const name of files) assertClean(name, `${name}${readFileSync(join(sidecar.dataDir, name), 'latin1')}`);
  });

  it('is in a key or value of Redis', async () => {
    const keys = await redis.client.keys('*');
    assert.ok(
      keys.some((key) => key.includes('token:')),
      'tokens were cached',
    );
    for (const key of keys) assertClean(`the Redis entry ${key}`, `${key} ${(await redis.client.get(key)) ?? ''}`);
  });

  it('is in a long-lived object that is printed', async () => {
    const show = (value: unknown): string => inspect(value, { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null }); // prettier-ignore
    const env = {
      CREDENTIALFLOW_DATA_DIR: join(folder, 'printed'),
      CREDENTIALFLOW_DATA_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_GATEWAY_KEY: sidecar.keys.gateway,
      CREDENTIALFLOW_LOG_KEY: sidecar.keys.log,
      CREDENTIALFLOW_ADMIN_KEY: sidecar.keys.admin,
      CREDENTIALFLOW_MASTER_KEY: sidecar.keys.master,
      CREDENTIALFLOW_DRAIN_TIMEOUT: '1s',
    };
    const { config } = loadConfig({ env, cwd: folder });
    assertClean('the configuration', show(config));
    const log = recordingLog();
    const running = await start(config, { env, log });
    assertClean('the running sidecar', show(running));
    await running.stop();

    // The parts, over the very database of the run.
    const master = new Uint8Array(Buffer.from(sidecar.keys.master, 'base64'));
    const keyring = createKeyring([{ version: 'k1', key: new Secret(master) }]);
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) {
      const from = join(sidecar.dataDir, `credentialflow.db${suffix}`);
      writeFileSync(copy + suffix, readFileSync(from));
    }
    const deps = { clock: systemClock, log };
    const store = await openStore(`sqlite:${copy}`, {}, deps);
    const metrics = createMetrics({ version: '0' });
    const parts = { store, keyring, metrics, ...deps };
    const snapshots = createSnapshots({ ...parts, env: { ENV_SECRET: envSecret, BROKEN_SECRET: brokenSecret } });
    const { keeper } = snapshots;
    const tokens = await createTokenState(config, { ...parts, storeId: 'copy', keeper, onReset: () => undefined });
    await tokens.follower.start();
    await snapshots.keeper.refresh();
    const snapshot = snapshots.keeper.current();
    assert.equal(
      snapshot?.upstreams.get('env')?.credentials[0]?.headers?.reveal().includes(`Bearer ${envSecret}`),
      true,
    );
    for (const [name, part] of Object.entries({ keyring, store, metrics, snapshots, snapshot, tokens })) {
      assertClean(`the printed ${name}`, show(part));
    }
    snapshots.stop();
    await tokens.stop();
    await store.close();
    assertClean('the log of the parts', JSON.stringify(log.lines));
  });
});
