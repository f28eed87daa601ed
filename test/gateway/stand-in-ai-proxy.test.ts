import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { startScriptedServer, valuesOf } from './scripted-server.ts';
import type { ReceivedRequest, ScriptedServer } from './scripted-server.ts';
import { startStandInGateway } from './stand-in.ts';
import type { StandInGateway } from './stand-in.ts';

const completion = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } };
const body = '{"model": "of-the-client",  "messages": []}';
const forwardAuth = { uri: 'http://127.0.0.1:9280/api/auth', upstream_headers: ['authorization'] };
const llm = { model: '$llm_model', prompt: '$llm_prompt_tokens', completion: '$llm_completion_tokens' };
const logger = {
  uri: 'http://127.0.0.1:9280/api/logs',
  log_format: { llm, status: '$status', upstream: { status: '$upstream_status' } },
};

let sidecar: ScriptedServer;
let api: ScriptedServer;
let gateway: StandInGateway;
let answers: (request: ReceivedRequest, response: ServerResponse) => void;

async function start(aiProxy: object = {}, plugins: object = {}): Promise<void> {
  const ai = {
    provider: 'openai',
    auth: { header: {} },
    override: { endpoint: 'https://api.example.com/v1/chat/completions?fixed=1' },
    ...aiProxy,
  };
  const upstream = { nodes: [{ host: 'unused.invalid', port: 443, weight: 1 }] };
  const all = { 'forward-auth': forwardAuth, 'ai-proxy': ai, 'http-logger': logger, ...plugins };
  const apisixYaml = `${stringify({ routes: [{ id: 'llm', uri: '/llm/*', plugins: all, upstream }] })}\n#END\n`;
  gateway = await startStandInGateway({ apisixYaml, env: {}, sidecar: sidecar.url, nodes: { llm: api.url } });
}

beforeEach(async () => {
  answers = (_, response) => json(response, completion);
  sidecar = await startScriptedServer((_, response) => response.setHeader('authorization', 'Bearer secret').end());
  api = await startScriptedServer((request, response) => answers(request, response));
});
afterEach(async () => {
  await gateway.stop();
  await sidecar.stop();
  await api.stop();
});

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '9', 'x-request-id': 'r' });
  response.end(JSON.stringify(value));
}

async function post(sent = body, headers: Readonly<Record<string, string>> = {}, path = '/llm/chat?of=client') {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    body: sent,
    headers: { 'content-type': 'application/json', authorization: 'Bearer of-the-client', ...headers },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const received = (): ReceivedRequest => api.received.at(-1) ?? assert.fail('nothing was sent');

async function logged(): Promise<unknown> {
  await gateway.flushLogs();
  const { body: batch = '' } = sidecar.received.findLast(({ url }) => url === '/api/logs') ?? {};
  return (JSON.parse(batch) as readonly unknown[]).at(-1);
}

describe('ai-proxy of the stand-in gateway', () => {
  it('sends to the endpoint’s path and query by POST, with what forward-auth left of the headers', async () => {
    await start();
    const { status, text } = await post(body, { 'x-custom': 'kept', 'x-forwarded-uri': '/of/the/client' });
    assert.deepEqual([status, text], [200, JSON.stringify(completion)]);
    assert.deepEqual([received().method, received().url], ['POST', '/v1/chat/completions?fixed=1']);
    assert.equal(received().body, body, 'byte for byte');
    const { host, authorization, 'x-custom': custom, 'x-real-ip': added } = received().headers;
    assert.deepEqual([host, authorization, custom, added], ['api.example.com', 'Bearer secret', 'kept', undefined]);
    assert.equal(received().headers['accept-encoding'], undefined);
  });
  it('lets a key of its own win over the injected one', async () => {
    await start({ auth: { header: { Authorization: 'Bearer own' } } });
    await post();
    assert.deepEqual(valuesOf(received(), 'authorization'), ['Bearer own']);
  });
  it('overwrites what options name, and asks a stream for its usage', async () => {
    await start({ options: { model: 'fixed' } });
    await post('{"model":"mine","stream":true,"stream_options":{"include_usage":false},"messages":[]}');
    assert.deepEqual(JSON.parse(received().body), {
      model: 'fixed',
      stream: true,
      stream_options: { include_usage: true },
      messages: [],
    });
  });
  it('logs model and counts as text, and no upstream', async () => {
    await start();
    await post();
    const counts = { model: 'of-the-client', prompt: '3', completion: '2' };
    assert.deepEqual(await logged(), { llm: counts, status: 200, upstream: {}, route_id: 'llm' });
  });
  it('counts a stream of Anthropic by its first and its last events, wherever they were cut', async () => {
    const events = [
      'event: message_start\ndata: {"message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
      'event: message_delta\ndata: {"usage":{"output_tokens":4}}\n\n',
    ].join('');
    answers = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(events.slice(0, 30));
      response.end(events.slice(30));
    };
    await start({ provider: 'anthropic' });
    assert.equal((await post(body, {}, '/llm/v1/messages')).text, events);
    assert.deepEqual(((await logged()) as { llm: unknown }).llm, {
      model: 'of-the-client',
      prompt: '7',
      completion: '4',
    });
  });
  it('finds no tokens in an answer of another protocol than path and body look like', async () => {
    answers = (_, response) => json(response, { content: [], usage: { input_tokens: 7, output_tokens: 4 } });
    await start({ provider: 'anthropic' });
    await post();
    assert.deepEqual(((await logged()) as { llm: unknown }).llm, {
      model: 'of-the-client',
      prompt: '0',
      completion: '0',
    });
  });
  it('passes an API’s refusal, but of its headers the type only', async () => {
    answers = (_, response) => json(response, { error: 'no' }, 401);
    await start();
    const { status, headers, text } = await post();
    assert.deepEqual([status, text], [401, '{"error":"no"}']);
    assert.deepEqual([headers.get('content-type'), headers.get('retry-after')], ['application/json', null]);
    assert.equal(headers.get('x-request-id'), null);
  });
  for (const upstream of [429, 500, 529]) {
    it(`answers ${upstream} of the API in words of its own`, async () => {
      answers = (_, response) => json(response, { error: 'of the API' }, upstream);
      await start();
      const { status, headers, text } = await post();
      assert.equal(status, upstream);
      assert.match(headers.get('content-type') ?? '', /text\/html/);
      assert.doesNotMatch(text, /of the API/);
    });
  }
  it('answers 500 where the API breaks off, and 504 where it is late', async () => {
    answers = (_, response) => response.destroy();
    await start({ timeout: 100 });
    assert.equal((await post()).status, 500);
    answers = () => undefined;
    assert.equal((await post()).status, 504);
  });
  it('refuses what is no JSON, before it counts or sends', async () => {
    const limit = { count: 1, time_window: 60, key: 'remote_addr', rejected_code: 429 };
    await start({}, { 'limit-count': limit });
    assert.equal((await post(body, { 'content-type': 'text/plain' })).status, 400);
    assert.equal((await post('{')).status, 400);
    assert.deepEqual(await logged(), { llm: { model: '' }, status: 400, upstream: {}, route_id: 'llm' });
    assert.deepEqual([(await post()).status, (await post()).status], [200, 429]);
    assert.equal(api.received.length, 1);
  });
  it('is not asked where forward-auth refuses', async () => {
    await sidecar.stop();
    await start();
    assert.equal((await post()).status, 403);
    assert.equal(api.received.length, 0);
    sidecar = await startScriptedServer();
  });
});
