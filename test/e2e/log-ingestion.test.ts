/** Client → stand-in gateway with the shipped routes → sidecar process; the gateway's log → the sidecar's metrics. */
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { startScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { startGateway } from '../support/gateway.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';

const secret = 'provider-secret-77c1-that-no-metric-knows';
const resources = `
upstreams:
  - { id: openai, preset: openai }
  - { id: mistral, preset: mistral }
credentials:
  - { id: openai-main, upstream: openai, secret: { from: env, name: PROVIDER_SECRET } }
  - { id: mistral-main, upstream: mistral, secret: { from: env, name: PROVIDER_SECRET } }
consumers:
  - { id: team, owner: team@example.com, groups: [callers] }
  - { id: busy, owner: team@example.com, groups: [callers] }
  - { id: powerless, owner: team@example.com }
limits:
  - { id: one-at-a-time, consumers: [busy], concurrent: 1 }
policies:
  - { id: callers-may-call, effect: allow, groups: [callers], upstreams: [openai, mistral] }
`;

interface Scene {
  readonly sidecar: RunningSidecar;
  readonly gateway: StandInGateway;
  ask(path: string, token: string, headers?: Readonly<Record<string, string>>): Promise<number>;
  /** A question of the gateway, which is never logged. */
  question(token: string, requestId: string): Promise<Response>;
  /** Status and body of the answer to a batch. */
  post(body: string, key?: string): Promise<[number, string]>;
  metrics(): Promise<string>;
}

async function start(t: TestContext): Promise<Scene> {
  const provider = await startScriptedServer((request, response) => {
    const status = Number(/status=(\d+)/.exec(request.url)?.[1] ?? 200);
    response.writeHead(status, { 'x-ratelimit-remaining-requests': '41', 'retry-after': '3' }).end('{}');
  });
  const env = { PROVIDER_SECRET: secret, CREDENTIALFLOW_METRICS_CONSUMERS: '10' };
  const sidecar = await startSidecar({ resources, env });
  const gateway = await startGateway(sidecar, { nodes: { openai: provider.url, mistral: provider.url } });
  t.after(async () => {
    await gateway.stop();
    await sidecar.stop();
    await provider.stop();
  });
  return {
    sidecar,
    gateway,
    async ask(path, token, headers = {}) {
      const response = await fetch(`${gateway.url}${path}`, {
        headers: { authorization: `Bearer ${token}`, ...headers },
      });
      await response.arrayBuffer();
      return response.status;
    },
    async question(token, requestId) {
      const answer = await fetch(`${sidecar.urls.data}/api/auth/openai`, {
        headers: {
          authorization: `Bearer ${token}`,
          'x-cf-gateway-key': sidecar.keys.gateway,
          'x-cf-request-id': requestId,
          'x-forwarded-method': 'GET',
          'x-forwarded-uri': '/v1/models',
          'x-cf-raw-uri': '/v1/models',
          'x-cf-upstream-uri': '/v1/models',
          connection: 'close',
        },
      });
      await answer.arrayBuffer();
      return answer;
    },
    async post(body, key = sidecar.keys.log) {
      const response = await fetch(`${sidecar.urls.data}/api/logs`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${key}`, connection: 'close' },
      });
      return [response.status, await response.text()];
    },
    metrics: async () => (await fetch(`${sidecar.urls.metrics}/metrics`)).text(),
  };
}

it('learns from the gateway’s log how each upstream and each credential did', async (t) => {
  const { sidecar, gateway, ask, metrics } = await start(t);
  const { token } = await sidecar.issueToken('team');
  const powerless = await sidecar.issueToken('powerless');
  assert.equal(await ask('/openai/v1/models', token), 200);
  assert.equal(await ask('/openai/v1/models?status=429', token), 429);
  assert.equal(await ask('/mistral/v1/models?status=401', token), 401);
  // Refused: what the client says of a credential is nothing.
  assert.equal(await ask('/openai/v1/models', powerless.token, { cfcredential: 'cv_0123456789abcdef' }), 403);
  await gateway.flushLogs();
  await until(async () => /^credentialflow_log_entries_total\{outcome="not_sent"\} 1$/m.test(await metrics()), 'read');
  const text = await metrics();
  for (const line of [
    'credentialflow_upstream_requests_total{upstream="openai",credential="openai-main",status="2xx",outcome="ok"} 1',
    'credentialflow_upstream_requests_total{upstream="openai",credential="openai-main",status="4xx",outcome="throttled"} 1',
    'credentialflow_upstream_requests_total{upstream="mistral",credential="mistral-main",status="4xx",outcome="unauthorized"} 1',
    'credentialflow_upstream_duration_seconds_count{upstream="openai",credential="openai-main"} 2',
    'credentialflow_upstream_first_byte_seconds_count{upstream="openai",credential="openai-main"} 2',
    'credentialflow_upstream_limit_remaining{upstream="openai",credential="openai-main",limit="requests"} 41',
    'credentialflow_consumer_requests_total{consumer="team",status="4xx"} 2',
    'credentialflow_log_joins_total{outcome="hit"} 3',
    'credentialflow_log_entries_total{outcome="used"} 3',
    'credentialflow_log_queue_bytes 0',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line}\n${text.match(/^credentialflow_(log|upstream|consumer).*$/gm)?.join('\n') ?? ''}`); // prettier-ignore
  }
  for (const hidden of [secret, token, powerless.token, '0123456789abcdef']) assert.ok(!text.includes(hidden));
});

it('counts a batch that comes again once, and takes what it can of a damaged one', async (t) => {
  const { sidecar, ask, question, post, metrics, gateway } = await start(t);
  const { token } = await sidecar.issueToken('team');
  // The version of the credential, as the gateway would know it.
  const answer = await question(token, 'z');
  const credential = answer.headers.get('cfcredential') ?? '';
  assert.match(credential, /^cv_/);
  const entry = (id: string, route = 'openai'): string =>
    JSON.stringify({ request_id: id, credential, route_id: route, upstream: { status: '200' } });
  const batch = `[${entry('a')},{"request_id":nonsense},${entry('b', 'mistral')},${entry('c')},{"request_id":"cut`;
  assert.deepEqual(await post(batch), [204, '']);
  assert.deepEqual(await post(batch), [204, '']);
  assert.deepEqual(await post('x'.repeat(100_000)), [204, '']);
  assert.deepEqual(await post(batch, 'not-the-key'), [401, '']);
  const { key: own } = await sidecar.json(['gateway', 'log-key', 'default']);
  assert.deepEqual(await post(`[${entry('e')}]`, String(own)), [204, '']);
  assert.deepEqual(await post(`[${entry('e')}]`, String(own).replace('default', 'another')), [401, '']);
  const oversized = await post(`[${entry('d')},"${'x'.repeat(1_048_576)}"]`).catch(() => 'reset');
  if (oversized !== 'reset') assert.deepEqual(oversized, [413, '']);
  await until(async () => /outcome="malformed"\} 5$/m.test(await metrics()), 'all is read');
  const text = await metrics();
  const counts = Object.fromEntries(
    [...text.matchAll(/^credentialflow_log_entries_total\{outcome="(\w+)"\} (\d+)$/gm)].map(([, name = '', count]) => [name, Number(count)]), // prettier-ignore
  );
  assert.deepEqual(counts, { used: 3, foreign_credential: 1, duplicate: 3, malformed: 5 });
  assert.match(text, /^credentialflow_log_batches_total\{outcome="taken"\} 4$/m);
  // Decisions went on meanwhile.
  assert.equal(await ask('/openai/v1/models', token), 200);
  await gateway.flushLogs();
});

it('lets the next request begin when the log tells of the end of one', async (t) => {
  const { sidecar, question, post } = await start(t);
  const { token } = await sidecar.issueToken('busy');
  const statusOf = async (requestId: string): Promise<number> => (await question(token, requestId)).status;
  assert.equal(await statusOf('first'), 200);
  assert.equal(await statusOf('second'), 429);
  assert.deepEqual(await post('[{"request_id":"first","upstream":{}}]'), [204, '']);
  await until(async () => (await statusOf('third')) === 200, 'there is room again');
});
