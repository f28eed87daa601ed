/** The shipped apisix.yaml with the real sidecar behind it: what is not about one SDK or one path. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { tokenSlotHeaders } from '../../sidecar/core/preset.ts';
import { presets } from '../../sidecar/presets/index.ts';
import { wholeRequest } from '../gateway/provider.ts';
import { sendRaw } from '../gateway/raw-request.ts';
import { startScriptedServer } from '../gateway/scripted-server.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway, StandInOptions } from '../gateway/stand-in.ts';
import { shippedApisixYaml, startGateway } from '../support/gateway.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';

const secret = 'provider-secret-of-the-gateway-tests';
const routes = [...presets.keys()];

let provider: ScriptedServer;
let sidecar: RunningSidecar;
let token: string;
const gateways: StandInGateway[] = [];

before(async () => {
  provider = await startScriptedServer();
  sidecar = await startSidecar({ resources: resources(), env: { PROVIDER_SECRET: secret } });
  token = (await sidecar.issueToken('team')).token;
});
after(async () => {
  for (const gateway of gateways) await gateway.stop();
  await sidecar.stop();
  await provider.stop();
});

async function gatewayWith(options: Partial<StandInOptions> = {}): Promise<StandInGateway> {
  const nodes = Object.fromEntries(routes.map((route) => [route, provider.url]));
  const gateway = await startGateway(sidecar, { nodes, ...options });
  gateways.push(gateway);
  return gateway;
}

function resources(): string {
  return JSON.stringify({
    upstreams: routes.map((id) => ({
      id,
      preset: id,
      ...(presets.get(id)?.baseUrl === undefined ? { base_url: 'https://api.example.com' } : {}),
    })),
    credentials: routes.map((id) => ({ id, upstream: id, secret: { from: 'env', name: 'PROVIDER_SECRET' } })),
    consumers: [{ id: 'team', owner: 'team@example.com' }],
    policies: [{ id: 'free', effect: 'allow', consumers: ['team'], upstreams: ['*'] }],
  });
}

const presented = (header: string, value: string): string =>
  header === 'authorization' ? `${header}: Bearer ${value}` : `${header}: ${value}`;

for (const version of ['3.17', 'before-3.17'] as const) {
  describe(`every route of apisix.yaml, gateway ${version}`, () => {
    let gateway: StandInGateway;
    before(async () => {
      gateway = await gatewayWith({ version });
    });

    for (const [route, preset] of presets) {
      it(`${route}: puts the secret in and everything of the client out`, async () => {
        const [slot] = preset.tokenSlots;
        const others = tokenSlotHeaders.filter((name) => preset.tokenSlots.every(({ header }) => header !== name));
        const steering = ['x-http-method-override', 'x-original-url', ...preset.steeringHeaders];
        const { status } = await sendRaw(gateway.url, [
          `GET /${route}/v1/things HTTP/1.1`,
          'Host: gateway',
          presented(slot?.header ?? '', token),
          ...others.map((name) => `${name}: of-the-client`),
          ...[...steering, 'cfcredential', 'cfconsumer'].map((name) => `${name}: of-the-client`),
        ]);
        assert.equal(status, 200);
        const request = provider.received.at(-1) ?? assert.fail();
        const whole = wholeRequest(request);
        assert.doesNotMatch(whole, /of-the-client|cf_/);
        assert.equal(whole.split(secret).length, 2, 'the secret must arrive once');
        assert.match(String(request.headers['cfcredential']), /^cv_/);
        assert.equal(request.url, '/v1/things');
      });
    }
  });
}

describe('the shipped gateway', () => {
  it('lets the holder of a token ask what it may do', async () => {
    const gateway = await gatewayWith();
    const ask = (key: string): Promise<Response> =>
      fetch(`${gateway.url}/credentialflow/token/self`, { headers: { authorization: `Bearer ${key}` } });
    const allowed = await ask(token);
    assert.equal(allowed.status, 200);
    assert.match(await allowed.text(), /"consumer":\{"id":"team"/);
    assert.equal((await ask('cf_nobody')).status, 401);
  });

  it('offers nothing else of the sidecar', async () => {
    const gateway = await gatewayWith();
    for (const path of ['/api/auth', '/api/logs', '/api/token/self', '/healthz', '/credentialflow/token/self/..']) {
      assert.equal((await sendRaw(gateway.url, [`GET ${path} HTTP/1.1`, 'Host: gateway'])).status, 404, path);
    }
  });

  it('logs the credential that was used, not what the client claims, and no secret; the sidecar takes it', async () => {
    const logs = await startScriptedServer();
    const gateway = await gatewayWith();
    const watched = await gatewayWith({ apisixYaml: withLogsAt(logs.url) });
    for (const { url } of [gateway, watched]) {
      await sendRaw(url, [
        'GET /openai/v1/things?key2=query-of-the-client HTTP/1.1',
        'Host: gateway',
        `Authorization: Bearer ${token}`,
        'cfcredential: forged',
      ]);
      await sendRaw(url, ['GET /openai/v1/things HTTP/1.1', 'Host: gateway', 'Authorization: Bearer cf_nobody']);
    }
    await Promise.all([gateway.flushLogs(), watched.flushLogs()]);
    await logs.stop();
    const text = logs.received.map(({ body }) => body).join('\n');
    assert.match(text, /"credential":"cv_[0-9a-f]+"/);
    for (const hidden of [secret, token, 'forged', 'query-of-the-client', 'cf_nobody'])
      assert.ok(!text.includes(hidden), hidden);
    // A batch is answered before it is read.
    for (let tries = 0; ; tries++) {
      const metrics = await (await fetch(`${sidecar.urls.metrics}/metrics`)).text();
      if (/^credentialflow_log_entries_total\{outcome="used"\} [1-9]/m.test(metrics)) break;
      assert.ok(tries < 300, 'the sidecar used no entry');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  it('answers 503, and reaches no upstream, while the sidecar is away', async () => {
    const gateway = await gatewayWith({ sidecar: 'http://127.0.0.1:9' });
    const reached = provider.received.length;
    const response = await fetch(`${gateway.url}/openai/v1/things`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual([response.status, provider.received.length], [503, reached]);
  });

  it('says what is wrong when the gateway’s key was not resolved or is another one', async () => {
    for (const [key, text] of [
      ['://CREDENTIALFLOW_GATEWAY_KEY', /unresolved reference/],
      ['a-key-that-nobody-knows-of-32-characters', /not known/],
    ] as const) {
      const env = { CREDENTIALFLOW_GATEWAY_KEY: key, CREDENTIALFLOW_LOG_KEY: sidecar.keys.log };
      const gateway = await gatewayWith({ env });
      const response = await fetch(`${gateway.url}/openai/v1/things`, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.equal(response.status, 401);
      assert.match(await response.text(), text);
    }
  });
});

/** The shipped file with http-logger's batches sent elsewhere. */
function withLogsAt(url: string): string {
  return shippedApisixYaml().replaceAll('http://127.0.0.1:9280/api/logs', `${url}/api/logs`);
}
