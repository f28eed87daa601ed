/** The fleet of examples/compose: its two sidecars, its `apply`, on a real PostgreSQL and a real Redis. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startProvider } from '../gateway/provider.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { startGateway } from '../support/gateway.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';
import { dotEnv, environmentOf, mountedAt, root, serviceOf } from './compose-file.ts';

const run = promisify(execFile);
const program = join(root, 'bin/credentialflow.js');
const resourceFile = '/etc/credentialflow/resources.yaml';

describe('the fleet of examples/compose', () => {
  const stops: (() => Promise<void>)[] = [];
  let redis: TestRedis;
  let postgres: TestPostgres;
  let provider: ScriptedServer;
  let store: string;
  const sidecars: RunningSidecar[] = [];
  const gateways: StandInGateway[] = [];

  before(async () => {
    redis = await startRedis({ password: dotEnv.REDIS_PASSWORD });
    stops.push(() => redis.stop());
    postgres = await startPostgres();
    stops.push(() => postgres.stop());
    store = await postgres.database();
    provider = await startProvider('openai', dotEnv.OPENAI_API_KEY);
    stops.push(() => provider.stop());
    for (const name of ['sidecar-a', 'sidecar-b']) {
      const sidecar = await startSidecar({ env: placed(name) });
      stops.push(() => sidecar.stop());
      sidecars.push(sidecar);
      const gateway = await startGateway(sidecar, { nodes: { openai: provider.url } });
      stops.push(() => gateway.stop());
      gateways.push(gateway);
    }
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  /** A service's own environment; only the places of a container become places of this machine. */
  function placed(name: string): Record<string, string> {
    const { CREDENTIALFLOW_DATA_DIR: _inContainer, ...filled } = environmentOf(name);
    return {
      ...filled,
      CREDENTIALFLOW_STORE: store,
      CREDENTIALFLOW_CACHE: filled['CREDENTIALFLOW_CACHE']?.replace('redis:6379', `${redis.host}:${redis.port}`) ?? '',
      CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    };
  }

  /** What the gateway of each sidecar answers to the same client. */
  async function statuses(token: string): Promise<readonly number[]> {
    const ask = async ({ url }: StandInGateway): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`${url}/openai/v1/chat/completions`, { method: 'POST', headers, body: '{}' });
      await response.arrayBuffer();
      return response.status;
    };
    return Promise.all(gateways.map(ask));
  }

  it('starts with exactly that environment, on the shared store and cache', () => {
    for (const { logs } of sidecars) {
      assert.match(logs.find((line) => line.includes('"event":"ready"')) ?? '', /"store":"postgres","cache":"redis"/);
      assert.ok(!logs.some((line) => line.includes('keys_created')), 'a fleet has its keys from the operator');
    }
  });

  it('serves on both what the service `apply` wrote through one', async () => {
    const command = serviceOf('apply').command?.map((word) =>
      word === resourceFile ? mountedAt('apply', resourceFile) : word,
    );
    // In the container the address is the default one: the two share the gateway's loopback.
    const CREDENTIALFLOW_ADMIN_URL = sidecars[0]?.urls.admin;
    const options = { env: { PATH: process.env['PATH'], ...environmentOf('apply'), CREDENTIALFLOW_ADMIN_URL } };
    const applied = await run(process.execPath, [program, ...(command ?? [])], options);
    assert.match(applied.stdout, /4 created/);
    const again = await run(process.execPath, [program, ...(command ?? [])], options);
    assert.match(again.stdout, /0 created, 0 updated, 0 deleted/);
    for (const sidecar of sidecars) {
      await until(async () => {
        const status = await sidecar.json(['status']);
        const { snapshot, store: known } = status as Record<'snapshot' | 'store', { readonly revision: number }>;
        return snapshot.revision === known.revision;
      }, 'the sidecar has followed');
    }
  });

  it('takes on one a token issued on the other, and on neither one that was revoked', async () => {
    const [first, second] = sidecars;
    assert.ok(first !== undefined && second !== undefined);
    const issued = await first.json(['token', 'issue', '--consumer', 'team-search', '--ttl', '30d']);
    const { id, token } = issued as { id: string; token: string };
    await until(async () => (await statuses(token)).every((status) => status === 200), 'both let the token through');
    assert.ok(
      provider.received.every(({ headers }) => headers.authorization === `Bearer ${dotEnv.OPENAI_API_KEY}`),
      'the provider saw its own key only',
    );
    await second.json(['token', 'revoke', id]);
    await until(async () => (await statuses(token)).every((status) => status === 401), 'both refuse it');
  });
});
