/** A condition over a field of the body, through the gateway that `apisix render` makes for it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from '../cli/fake-terminal.ts';
import { startProvider } from '../gateway/provider.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { startGateway } from '../support/gateway.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const secret = 'provider-secret-of-the-body-tests';
const resources = `
upstreams: [{ id: openai, preset: openai }]
credentials: [{ id: main, upstream: openai, secret: { from: env, name: PROVIDER_SECRET } }]
consumers: [{ id: team, owner: team@example.com }]
policies:
  - id: small-models
    effect: allow
    consumers: [team]
    upstreams: [openai]
    when: request.model in ["gpt-5-mini"] && request.header("x-tenant") == "blue"
`;

const cwd = mkdtempSync(join(tmpdir(), 'credentialflow-body-'));
let provider: ScriptedServer;
let sidecar: RunningSidecar;
let gateway: StandInGateway;
let token: string;

before(async () => {
  writeFileSync(join(cwd, 'resources.yaml'), resources);
  const terminal = createFakeTerminal({ cwd });
  assert.equal(await runProgram(['apisix', 'render', '-f', 'resources.yaml'], terminal), 0, terminal.written.err);
  provider = await startProvider('openai', secret);
  sidecar = await startSidecar({ resources, env: { PROVIDER_SECRET: secret } });
  token = (await sidecar.issueToken('team')).token;
  gateway = await startGateway(sidecar, { apisixYaml: terminal.written.out, nodes: { openai: provider.url } });
});
after(async () => {
  await gateway.stop();
  await sidecar.stop();
  await provider.stop();
  rmSync(cwd, { recursive: true, force: true });
});

async function chat(model: unknown, headers: Readonly<Record<string, string>> = { 'x-tenant': 'blue' }) {
  const response = await fetch(`${gateway.url}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x'.repeat(100_000) }] }),
  });
  await response.arrayBuffer();
  return response.status;
}

it('decides by the model that the body names, and the body arrives whole', async () => {
  assert.equal(await chat('gpt-5-mini'), 200);
  assert.equal(provider.received.at(-1)?.body.length, JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'x'.repeat(100_000) }] }).length); // prettier-ignore
  assert.equal(await chat('gpt-5'), 403);
  assert.equal(await chat(undefined), 403);
  assert.equal(await chat(['gpt-5-mini']), 403);
});

it('decides by the header that the client sent, and believes nothing that it says of its body', async () => {
  assert.equal(await chat('gpt-5-mini', { 'x-tenant': 'red' }), 403);
  assert.equal(await chat('gpt-5-mini', {}), 403);
  assert.equal(await chat('gpt-5', { 'x-tenant': 'blue', 'x-cf-arg-model': 'gpt-5-mini' }), 403);
});
