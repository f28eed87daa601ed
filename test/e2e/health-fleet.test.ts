/** What one sidecar learns of a credential, the others of a fleet know: a real Redis and PostgreSQL, real processes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gatewayKey, question } from '../../bench/world.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';

const logKey = 'l'.repeat(40);
const secrets = ['key-one-7f3a', 'key-two-91bc'] as const;

interface Shown {
  readonly state: string;
  readonly seen_by?: string;
}

describe('the health of credentials in a fleet', () => {
  let redis: TestRedis;
  let postgres: TestPostgres;
  let one: RunningSidecar;
  let other: RunningSidecar;
  let provider: Server;
  let refused: string | undefined;
  const webhooks: { readonly signature: unknown; readonly body: string }[] = [];
  let token: string;

  before(async () => {
    provider = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url === '/hook') {
          webhooks.push({ signature: request.headers['x-cf-signature'], body: Buffer.concat(chunks).toString() });
        }
        const isRefused = refused !== undefined && request.headers.authorization === `Bearer ${refused}`;
        response.writeHead(isRefused ? 401 : 200).end('{}');
      });
    });
    provider.listen(0, '127.0.0.1');
    await once(provider, 'listening');
    const url = `http://127.0.0.1:${String((provider.address() as AddressInfo).port)}`;
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    const env = {
      CREDENTIALFLOW_STORE: await postgres.database(),
      CREDENTIALFLOW_CACHE: redis.url,
      CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
      CREDENTIALFLOW_ADMIN_KEY: 'a'.repeat(40),
      CREDENTIALFLOW_LOG_KEY: logKey,
      CREDENTIALFLOW_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      CREDENTIALFLOW_HEALTH_PROBE_INTERVAL: '1s',
      CREDENTIALFLOW_HEALTH_MAX_PROBE_INTERVAL: '2s',
      CREDENTIALFLOW_HEALTH_WEBHOOK_URL: `${url}/hook`,
      CREDENTIALFLOW_HEALTH_WEBHOOK_SECRET: 'w'.repeat(40),
      ONE: secrets[0],
      TWO: secrets[1],
    };
    one = await startSidecar({ env });
    other = await startSidecar({ env });
    await one.json(
      ['apply', '-f', '-'],
      `
upstreams: [{ id: openai, preset: openai, base_url: "${url}" }]
credentials:
  - { id: one, upstream: openai, secret: { from: env, name: ONE } }
  - { id: two, upstream: openai, secret: { from: env, name: TWO }, weight: 0 }
consumers: [{ id: team-1, owner: team@example.com, groups: [teams] }]
policies: [{ id: teams-may, effect: allow, groups: [teams], upstreams: [openai] }]
`,
    );
    token = (await one.issueToken('team-1')).token;
    for (const sidecar of [one, other]) await until(async () => (await given(sidecar)) !== '', 'it serves');
  });
  after(async () => {
    await Promise.all([one.stop(), other.stop()]);
    await Promise.all([redis.stop(), postgres.stop()]);
    provider.closeAllConnections();
    provider.close();
  });

  /** The secret that a request gets; empty where it is denied. */
  async function given(sidecar: RunningSidecar): Promise<string> {
    const response = await fetch(`${sidecar.urls.data}/api/auth`, { headers: question(token) });
    return response.headers.get('authorization')?.slice('Bearer '.length) ?? '';
  }

  async function log(sidecar: RunningSidecar, status: number, limits = {}): Promise<void> {
    const asked = await fetch(`${sidecar.urls.data}/api/auth`, { headers: question(token) });
    const entry = {
      ts: String(Date.now() / 1_000),
      request_id: crypto.randomUUID().replaceAll('-', ''),
      route_id: 'openai',
      credential: asked.headers.get('cfcredential'),
      status,
      upstream: { status: String(status), response_time: 0.001, header_time: 0.001 },
      limits,
    };
    const response = await fetch(`${sidecar.urls.data}/api/logs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${logKey}`, 'content-type': 'application/json' },
      body: JSON.stringify([entry]),
    });
    assert.ok(response.ok, String(response.status));
  }

  async function shown(sidecar: RunningSidecar, credential: string): Promise<Shown> {
    const response = await fetch(`${sidecar.urls.admin}/api/v1/credentials/${credential}`, {
      headers: { authorization: `Bearer ${'a'.repeat(40)}` },
    });
    return ((await response.json()) as { readonly health: Shown }).health;
  }

  it('is known to each after one of them was told by its gateway', async () => {
    assert.equal(await given(other), secrets[0]);
    refused = secrets[0];
    await log(one, 401);
    await until(async () => (await given(other)) === secrets[1], 'the other one gives the spare');
    await until(async () => (await shown(one, 'one')).state === 'dead', 'the probe has confirmed it');
    await until(async () => (await shown(other, 'one')).state === 'dead', 'and the other one knows');
    assert.equal(await given(one), secrets[1]);
  });

  it('is told to the webhook, and nothing secret with it', async () => {
    await until(() => webhooks.length > 0, 'a message arrives');
    const [{ signature, body } = assert.fail()] = webhooks;
    assert.match(String(signature), /^t=\d+,v1=[0-9a-f]{64}$/);
    const told = JSON.parse(body) as Readonly<Record<string, unknown>>;
    assert.deepEqual([told['credential'], told['from'], told['to']], ['one', 'suspect', 'dead']);
    for (const sidecar of [one, other]) {
      const everything = [...sidecar.logs, ...webhooks.map((message) => message.body)].join('\n');
      for (const secret of secrets) assert.ok(!everything.includes(secret));
    }
  });

  it('is in the audit of each, with who saw it, and nothing secret', async () => {
    for (const [sidecar, seenBy] of [
      [one, 'self'],
      [other, 'fleet'],
    ] as const) {
      const audit = (): string => readFileSync(join(sidecar.dataDir, 'audit', 'decisions.log'), 'utf8');
      const records = (): readonly Readonly<Record<string, unknown>>[] =>
        audit()
          .split('\n')
          .slice(0, -1) // The last line may be under way.
          .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
          .filter(({ event, to }) => event === 'credential_health_changed' && to === 'dead');
      await until(() => records().length > 0, 'the audit is written');
      const [{ credential, seen_by: seen }] = records() as [Readonly<Record<string, unknown>>];
      assert.deepEqual([credential, seen], ['one', seenBy]);
      for (const secret of secrets) assert.ok(!audit().includes(secret));
    }
  });

  it('is shown by status, get and metrics', async () => {
    const status = (await one.json(['status'])) as { readonly credentials: { readonly unfit: readonly object[] } };
    assert.equal(status.credentials.unfit.length, 1);
    const { stdout } = await one.cli(['get', 'credentials']);
    assert.match(stdout, /HEALTH/);
    assert.match(stdout, /^one +enabled +dead/m);
    const metrics = await (await fetch(`${one.urls.metrics}/metrics`)).text();
    assert.ok(
      metrics.includes('credentialflow_credential_health{upstream="openai",credential="one",state="dead"} 1'),
      metrics,
    );
  });

  it('is looked after by one of them', async () => {
    const probes = async ({ urls }: RunningSidecar): Promise<number> => {
      const metrics = await (await fetch(`${urls.metrics}/metrics`)).text();
      return Number(/credential_probes_total\{upstream="openai",outcome="dead"\} (\d+)/.exec(metrics)?.[1] ?? 0);
    };
    const count = (): Promise<readonly number[]> => Promise.all([one, other].map(probes));
    let before = await count();
    // A lock that a busy machine answers too late keeps nobody from looking: then the next two probes tell.
    await until(async () => {
      const now = await count();
      const grown = now.map((n, i) => n - (before[i] ?? 0));
      if (grown.reduce((sum, n) => sum + n) < 2) return false;
      before = now;
      return grown.includes(0);
    }, 'only one of them looks');
    assert.match((await redis.client.keys(`${redis.keyPrefix}lock:probe:*`)).join(), /lock:probe:/);
  });

  it('comes back on each when the key works again', async () => {
    refused = undefined;
    for (const sidecar of [one, other]) {
      await until(async () => (await given(sidecar)) === secrets[0], 'the key is given again');
    }
    await until(async () => (await redis.client.keys(`${redis.keyPrefix}lock:*`)).length === 0, 'nobody holds a lock');
  });

  it('is a pause for as long as the upstream said, on each', async () => {
    await log(one, 429, { 'retry-after': '10' });
    for (const sidecar of [one, other]) {
      await until(async () => (await given(sidecar)) === secrets[1], 'the spare is given');
      assert.equal((await shown(sidecar, 'one')).state, 'throttled');
    }
    for (const sidecar of [one, other]) await until(async () => (await given(sidecar)) === secrets[0], 'it is over');
  });

  it('is learned by each for itself while Redis is away', async () => {
    await redis.stop();
    refused = secrets[0];
    await log(other, 401);
    await until(async () => (await given(other)) === secrets[1], 'it learned by itself');
    refused = undefined;
    await until(async () => (await given(other)) === secrets[0], 'and that it works again');
  });
});
