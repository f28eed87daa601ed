/** The official SDKs through a rendered route of ai-proxy, and the budget that its counts of tokens feed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai';
import { standalone } from '../../sidecar/gateway/render/formats/standalone.ts';
import { providerWords, startProvider, wholeRequest } from '../gateway/provider.ts';
import { rendered } from '../gateway/render/support.ts';
import type { ScriptedServer } from '../gateway/scripted-server.ts';
import type { StandInGateway } from '../gateway/stand-in.ts';
import { startGateway } from '../support/gateway.ts';
import { startSidecar } from '../support/sidecar.ts';
import type { RunningSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';

const secret = 'provider-secret-61b7-that-no-client-knows';
// ai-proxy sends to the address of the resources itself, so that a real gateway can run this, too.
const resourcesOf = (openai: string, anthropic: string): string => `
upstreams:
  - id: chat
    preset: openai
    base_url: ${openai}
    gateway: { ai_proxy: { provider: openai, model: gpt-5-mini } }
  - { id: claude, preset: anthropic, base_url: '${anthropic}', gateway: { ai_proxy: { provider: anthropic } } }
credentials:
  - { id: chat-main, upstream: chat, secret: { from: env, name: PROVIDER_SECRET } }
  - { id: claude-main, upstream: claude, secret: { from: env, name: PROVIDER_SECRET } }
consumers:
  - { id: team, owner: team@example.com, groups: [callers] }
  - { id: thrifty, owner: team@example.com, groups: [callers] }
  - { id: powerless, owner: team@example.com }
limits:
  - { id: tokens, consumers: [thrifty], upstreams: [chat], llm_tokens: 18, window: 1d }
policies:
  - { id: callers-may-chat, effect: allow, groups: [callers], upstreams: [chat, claude], methods: [POST], paths: [/v1/chat/completions, /v1/messages] }
`;
const said = providerWords.join('');
const messages = [{ role: 'user' as const, content: 'hello' }];

describe('a rendered route of ai-proxy', () => {
  let openai: ScriptedServer;
  let anthropic: ScriptedServer;
  let sidecar: RunningSidecar;
  let gateway: StandInGateway;

  before(async () => {
    [openai, anthropic] = [await startProvider('openai', secret), await startProvider('anthropic', secret)];
    const resources = resourcesOf(openai.url, anthropic.url);
    sidecar = await startSidecar({ resources, env: { PROVIDER_SECRET: secret } });
    gateway = await startGateway(sidecar, { apisixYaml: rendered(resources, standalone) });
  });
  after(async () => {
    await gateway.stop();
    await sidecar.stop();
    await openai.stop();
    await anthropic.stop();
  });

  const client = (apiKey: string, more: object = {}): OpenAI =>
    new OpenAI({ apiKey, baseURL: `${gateway.url}/chat/v1`, maxRetries: 0, ...more });
  const ask = (apiKey: string) => client(apiKey).chat.completions.create({ model: 'gpt-of-the-client', messages });
  const tokenOf = async (consumer: string): Promise<string> => (await sidecar.issueToken(consumer)).token;
  const metrics = async (): Promise<string> => (await fetch(`${sidecar.urls.metrics}/metrics`)).text();
  const counted = async (lines: readonly string[]): Promise<void> => {
    await gateway.flushLogs();
    await until(async () => {
      const text = await metrics();
      return lines.every((line) => text.includes(`${line}\n`));
    }, lines.join(', '));
  };

  it('serves the SDK of OpenAI, plain and streamed, and counts the tokens of both', async () => {
    const token = await tokenOf('team');
    const { choices } = await ask(token);
    assert.equal(choices[0]?.message.content, said);
    const options = { organization: 'org-of-the-client', project: 'proj-of-the-client' };
    const stream = await client(token, options).chat.completions.create({ model: 'gpt-4o', messages, stream: true });
    const pieces: string[] = [];
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? '');
    assert.equal(pieces.join(''), said);
    assert.ok(pieces.length > 2, 'piece by piece');
    await counted([
      'credentialflow_upstream_tokens_total{upstream="chat",model="gpt-5-mini",kind="prompt"} 10',
      'credentialflow_upstream_tokens_total{upstream="chat",model="gpt-5-mini",kind="completion"} 8',
      'credentialflow_upstream_requests_total{upstream="chat",credential="chat-main",status="2xx",outcome="ok"} 2',
    ]);
  });
  it('serves the SDK of Anthropic, plain and streamed, and counts the tokens of both', async () => {
    const claude = new Anthropic({ apiKey: await tokenOf('team'), baseURL: `${gateway.url}/claude`, maxRetries: 0 });
    const body = { model: 'claude-test', max_tokens: 10, messages };
    const { content } = await claude.messages.create(body);
    assert.equal(content[0]?.type === 'text' && content[0].text, said);
    assert.equal(await claude.messages.stream(body).finalText(), said);
    await counted([
      'credentialflow_upstream_tokens_total{upstream="claude",model="claude-test",kind="prompt"} 10',
      'credentialflow_upstream_tokens_total{upstream="claude",model="claude-test",kind="completion"} 8',
    ]);
  });
  it('gave the providers their secret, the judged path and nothing of the client', () => {
    assert.deepEqual([openai.received.length, anthropic.received.length], [2, 2]);
    for (const request of [...openai.received, ...anthropic.received]) {
      const whole = wholeRequest(request);
      assert.equal(whole.split(secret).length, 2, 'the secret, once');
      assert.doesNotMatch(whole, /cf_|-of-the-client/);
    }
    assert.deepEqual(new Set(openai.received.map(({ url }) => url)), new Set(['/v1/chat/completions']));
    assert.deepEqual(new Set(anthropic.received.map(({ url }) => url)), new Set(['/v1/messages']));
  });
  it('raises the SDK’s own errors, and sends nothing on', async () => {
    const arrived = openai.received.length;
    await assert.rejects(ask('cf_not_a_token'), AuthenticationError);
    await assert.rejects(ask(await tokenOf('powerless')), PermissionDeniedError);
    assert.equal(openai.received.length, arrived);
  });
  it('serves no other path and no other method: nothing goes past the count', async () => {
    const arrived = openai.received.length;
    const authorization = `Bearer ${await tokenOf('team')}`;
    const statusOf = async (path: string, method: string): Promise<number> => {
      const response = await fetch(`${gateway.url}${path}`, { method, headers: { authorization } });
      await response.arrayBuffer();
      return response.status;
    };
    assert.equal(await statusOf('/chat/v1/models', 'GET'), 404);
    assert.equal(await statusOf('/chat/v1/embeddings', 'POST'), 404);
    assert.equal(await statusOf('/chat/v1/chat/completions', 'GET'), 404);
    assert.equal(openai.received.length, arrived);
  });
  it('feeds a budget of tokens, which ends in the SDK’s own error', async () => {
    const token = await tokenOf('thrifty');
    // 9 tokens a request, 18 a day: what the log has told of decides.
    for (const completion of [12, 16]) {
      await ask(token);
      await counted([`credentialflow_upstream_tokens_total{upstream="chat",model="gpt-5-mini",kind="completion"} ${completion}`]); // prettier-ignore
    }
    const arrived = openai.received.length;
    await assert.rejects(ask(token), (error: unknown) => {
      assert.ok(error instanceof RateLimitError, String(error));
      assert.match(error.headers.get('ratelimit') ?? '', /"tokens";r=0/);
      return true;
    });
    assert.equal(openai.received.length, arrived);
    assert.equal((await ask(await tokenOf('team'))).choices[0]?.message.content, said);
  });
});
