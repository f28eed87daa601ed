/** What resources wish for at the gateway, as `apisix render` writes it, run by the gateway with the real sidecar behind it. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { standalone } from '../../sidecar/gateway/render/formats/standalone.ts';
import { wholeRequest } from '../gateway/provider.ts';
import { rendered } from '../gateway/render/support.ts';
import { startScriptedServer } from '../gateway/scripted-server.ts';
import type { ReceivedRequest, ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { startGateway } from '../support/gateway.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';

const secret = 'provider-secret/with+signs=&';
const resources = `
upstreams:
  - id: maps
    preset: generic
    base_url: https://maps.example.com
    prefix: /
    injection: { kind: header, name: cfsecret }
    gateway: { hosts: [maps.internal], secret_in_query: key }
  - id: search
    preset: generic
    base_url: https://search.example.com/v2
    prefix: /search
    identity_header: true
    gateway: { browsers: true, limit: { count: 2, window: 60s } }
credentials:
  - { id: maps, upstream: maps, secret: { from: env, name: PROVIDER_SECRET } }
  - { id: search, upstream: search, secret: { from: env, name: PROVIDER_SECRET } }
consumers:
  - { id: one, owner: one@example.com }
  - { id: two, owner: two@example.com }
policies: [{ id: all, effect: allow, consumers: [one, two], upstreams: ['*'] }]
`;

let provider: ScriptedServer;
let sidecar: RunningSidecar;
let gateway: StandInGateway;
let one: string;
let two: string;

before(async () => {
  provider = await startScriptedServer();
  sidecar = await startSidecar({ resources, env: { PROVIDER_SECRET: secret } });
  [one, two] = [(await sidecar.issueToken('one')).token, (await sidecar.issueToken('two')).token];
  const nodes = { maps: provider.url, search: provider.url };
  gateway = await startGateway(sidecar, { apisixYaml: rendered(resources, standalone), nodes });
});
after(async () => {
  await gateway.stop();
  await sidecar.stop();
  await provider.stop();
});

async function ask(path: string, token: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${token}`, connection: 'close', ...headers },
  });
  await response.arrayBuffer();
  return response.status;
}

const last = (): ReceivedRequest => provider.received.at(-1) ?? assert.fail('nothing arrived');

describe('a secret in the query', () => {
  it('arrives there, beside what the client asked for, and in no header', async () => {
    const { port } = new URL(gateway.url);
    const status = await new Promise((resolve, reject) => {
      const headers = {
        host: 'maps.internal',
        authorization: `Bearer ${one}`,
        cfsecret: 'forged',
        connection: 'close',
      };
      const sent = request({ port, path: '/geo%20code/a?q=a%20b&q=c&flag&n=%C3%A9', headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      sent.on('error', reject).end();
    });
    assert.equal(status, 200);
    const url = new URL(last().url, provider.url);
    assert.equal(url.pathname, '/geo%20code/a');
    assert.equal(url.searchParams.get('key'), secret);
    assert.deepEqual(url.searchParams.getAll('q'), ['a b', 'c']);
    assert.deepEqual([url.searchParams.get('flag'), url.searchParams.get('n')], ['', 'é']);
    assert.equal(last().headers['cfsecret'], undefined);
    assert.ok(!wholeRequest(last()).includes(one), 'the token stayed');
  });
});

describe('a limit by consumer', () => {
  it('counts each for itself, whatever name a client claims', async () => {
    assert.deepEqual([await ask('/search/a', one), await ask('/search/b', one)], [200, 200]);
    assert.equal(last().url, '/v2/b');
    const arrived = provider.received.length;
    assert.equal(await ask('/search/c', one, { cfconsumer: 'two' }), 429);
    assert.equal(provider.received.length, arrived);
    assert.equal(await ask('/search/d', two), 200);
  });
});
