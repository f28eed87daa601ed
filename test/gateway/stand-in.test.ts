import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { sendRaw } from './raw-request.ts';
import { startScriptedServer, valuesOf } from './scripted-server.ts';
import type { ReceivedRequest, ScriptedServer } from './scripted-server.ts';
import { startStandInGateway } from './stand-in.ts';
import type { StandInGateway, StandInOptions } from './stand-in.ts';

type Plugins = Readonly<Record<string, unknown>>;

const forwardAuth = {
  uri: 'http://127.0.0.1:9280/api/auth',
  request_headers: ['authorization', 'x-api-key'],
  upstream_headers: ['authorization', 'x-api-key', 'x-absent'],
  client_headers: ['content-type', 'x-cf-decision'],
  status_on_error: 503,
  timeout: 300,
  extra_headers: {
    'X-CF-Gateway-Key': '${{KEY}}',
    'X-CF-Raw-Uri': '$real_request_uri',
    'X-CF-Upstream-Uri': '$upstream_uri',
    'X-CF-Route': '$route_id',
    'X-Unknown': '$no_such_variable',
    'X-Dollar': 'a$$b',
  },
};
const node = { nodes: [{ host: 'unused.invalid', port: 443, weight: 1 }], pass_host: 'node' };
const yamlOf = (plugins: Plugins, more: readonly object[] = []): string =>
  `${stringify({ routes: [{ id: 'api', uri: '/api/*', plugins, upstream: node }, ...more] })}\n#END\n`;
const stripPrefix = { regex_uri: ['^/api/(.*)', '/$1'] };

let auth: ScriptedServer;
let upstream: ScriptedServer;
let gateway: StandInGateway;
let onAuth: (request: ReceivedRequest, response: ServerResponse) => void;
let onUpstream: (request: ReceivedRequest, response: ServerResponse) => void;
const stops: (() => Promise<void>)[] = [];

async function start(plugins: Plugins, options: Partial<StandInOptions> = {}): Promise<void> {
  const started = await startStandInGateway({
    apisixYaml: yamlOf(plugins),
    env: { KEY: 'gateway-key', LOG: 'log-key' },
    sidecar: auth.url,
    nodes: { api: upstream.url, other: upstream.url },
    ...options,
  });
  gateway = started;
  stops.push(() => started.stop());
}

const get = (path: string, ...headers: string[]): ReturnType<typeof sendRaw> =>
  sendRaw(gateway.url, [`GET ${path} HTTP/1.1`, 'Host: gw.example:9080', ...headers]);
const question = (): ReceivedRequest => auth.received.at(-1) ?? assert.fail('forward-auth was not asked');
const sent = (): ReceivedRequest => upstream.received.at(-1) ?? assert.fail('the upstream got nothing');
const stopAll = async (): Promise<void> => {
  for (const stop of stops.splice(0)) await stop();
};

beforeEach(async () => {
  onAuth = (_, response) => response.end();
  onUpstream = (_, response) => response.end('from upstream');
  auth = await startScriptedServer((request, response) => onAuth(request, response));
  upstream = await startScriptedServer((request, response) => onUpstream(request, response));
  stops.push(
    () => auth.stop(),
    () => upstream.stop(),
  );
});
afterEach(stopAll);

describe('stand-in gateway: what it loads', () => {
  const load = (apisixYaml: string): Promise<StandInGateway> => startStandInGateway({ apisixYaml, env: {} });

  it('refuses a plugin it does not know', async () => {
    await assert.rejects(load(yamlOf({ 'key-auth': {} })), /key-auth/);
  });
  it('refuses a field it does not know', async () => {
    await assert.rejects(load(yamlOf({ 'forward-auth': { uri: 'http://a', retries: 1 } })), /retries/);
  });
  it('refuses a file that does not end with #END', async () => {
    await assert.rejects(load('routes: []\n'), /#END/);
  });
  it('refuses a variable that is not set', async () => {
    await assert.rejects(load(yamlOf({ 'forward-auth': forwardAuth })), /KEY/);
  });
});

describe('stand-in gateway: the question', () => {
  it('asks with GET and no body whatever the client sent', async () => {
    await start({ 'forward-auth': forwardAuth });
    await sendRaw(gateway.url, ['POST /api/x HTTP/1.1', 'Host: gw', 'Content-Length: 4'], 'body');
    assert.deepEqual([question().method, question().url, question().body], ['GET', '/api/auth', '']);
    assert.deepEqual([question().headers['x-forwarded-method'], sent().method, sent().body], ['POST', 'POST', 'body']);
  });
  it('passes on nothing of the client but the listed headers', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'Authorization: Bearer t', 'Cookie: a=b', 'X-Api-Key: k');
    const { authorization, 'x-api-key': key, cookie } = question().headers;
    assert.deepEqual([authorization, key, cookie], ['Bearer t', 'k', undefined]);
  });
  it('cannot be told another X-Forwarded-*', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x?q=1', 'X-Forwarded-Uri: /evil', 'X-Forwarded-Method: DELETE', 'X-Forwarded-For: 6.6.6.6');
    const names = ['x-forwarded-uri', 'x-forwarded-method', 'x-forwarded-for', 'x-forwarded-host'];
    assert.deepEqual(
      names.map((name) => valuesOf(question(), name)),
      [['/api/x?q=1'], ['GET'], ['127.0.0.1'], ['gw.example']],
    );
  });
  it('lets a client spoof x-forwarded-uri where the operator lists it', async () => {
    await start({ 'forward-auth': { ...forwardAuth, request_headers: ['x-forwarded-uri'] } });
    await get('/api/x', 'X-Forwarded-Uri: /evil');
    assert.ok(valuesOf(question(), 'x-forwarded-uri').includes('/evil'));
  });
  it('decodes and normalises X-Forwarded-Uri, and gives the raw one beside it', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api//a%3Fadmin=1/%2e/b?x=%2f');
    assert.equal(question().headers['x-forwarded-uri'], '/api/a?admin=1/b?x=%2f');
    assert.equal(question().headers['x-cf-raw-uri'], '/api//a%3Fadmin=1/%2e/b?x=%2f');
  });
  it('takes X-Forwarded-Host from an absolute target', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('http://evil.com/api/x');
    assert.equal(question().headers['x-forwarded-host'], 'evil.com');
  });
  it('names the route, which the client cannot', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X-CF-Route: other');
    assert.deepEqual(valuesOf(question(), 'x-cf-route'), ['api']);
  });
  it('fills environment and gateway variables; an unknown one is empty, a doubled dollar one', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x');
    const { 'x-cf-gateway-key': key, 'x-unknown': unknown, 'x-dollar': dollar } = question().headers;
    assert.deepEqual([key, unknown, dollar], ['gateway-key', '', 'a$b']);
  });
  it('sees only the first copy of a repeated header', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X-Api-Key: one', 'X-Api-Key: two');
    assert.deepEqual(valuesOf(question(), 'x-api-key'), ['one']);
  });
  it('does not see what comes after the hundredth header', async () => {
    await start({ 'forward-auth': forwardAuth });
    const many = Array.from({ length: 100 }, (_, i) => `X-Fill-${i}: 1`);
    await get('/api/x', ...many, 'X-Api-Key: late');
    assert.deepEqual([question().headers['x-api-key'], valuesOf(sent(), 'x-api-key')], [undefined, []]);
  });
  it('keeps its connection alive', async () => {
    await start({ 'forward-auth': forwardAuth });
    for (let i = 0; i < 5; i++) await get('/api/x');
    assert.deepEqual([auth.received.length, auth.connections()], [5, 1]);
  });
});

describe('stand-in gateway: what nginx refuses', () => {
  it('answers two Authorization headers with 400', async () => {
    await start({ 'forward-auth': forwardAuth });
    const { status } = await get('/api/x', 'Authorization: Bearer a', 'Authorization: Bearer b');
    assert.deepEqual([status, auth.received.length, upstream.received.length], [400, 0, 0]);
  });
  it('answers a header of nine kilobytes with 400', async () => {
    await start({ 'forward-auth': forwardAuth });
    const { status } = await get('/api/x', `X-Big: ${'a'.repeat(9_216)}`);
    assert.deepEqual([status, auth.received.length], [400, 0]);
  });
  it('drops names with underscores, or keeps them where they are on', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X_Api_Key: sneaky');
    assert.deepEqual(valuesOf(sent(), 'x_api_key'), []);
    await start({ 'forward-auth': forwardAuth }, { underscoresInHeaders: 'on' });
    await get('/api/x', 'X_Api_Key: sneaky');
    assert.deepEqual(valuesOf(sent(), 'x_api_key'), ['sneaky']);
  });
  it('answers dot segments above the root, %00 and broken escapes with 400', async () => {
    await start({ 'forward-auth': forwardAuth });
    for (const path of ['/../api/x', '/api/%00', '/api/%zz']) assert.equal((await get(path)).status, 400, path);
  });
  it('does not ask about a control byte in the path', async () => {
    await start({ 'forward-auth': forwardAuth });
    const { status } = await get('/api/x%0d%0aX-Evil:%201');
    assert.deepEqual([status, auth.received.length, upstream.received.length], [503, 0, 0]);
  });
});

describe('stand-in gateway: the answer', () => {
  it('replaces every copy of a listed header', async () => {
    onAuth = (_, response) => response.setHeader('X-Api-Key', 'secret').end();
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X-Api-Key: one', 'x-api-key: two');
    assert.deepEqual(valuesOf(sent(), 'x-api-key'), ['secret']);
  });
  it('removes the header that the answer leaves empty, on every version', async () => {
    for (const version of ['3.17', 'before-3.17'] as const) {
      onAuth = (_, response) => response.setHeader('x-api-key', '').end();
      await start({ 'forward-auth': forwardAuth }, { version });
      await get('/api/x', 'X-Api-Key: mine');
      assert.deepEqual(valuesOf(sent(), 'x-api-key'), [], version);
    }
  });
  it('removes the header that the answer leaves out from 3.17 on, and keeps it before', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X-Absent: mine');
    assert.deepEqual(valuesOf(sent(), 'x-absent'), []);
    await start({ 'forward-auth': forwardAuth }, { version: 'before-3.17' });
    await get('/api/x', 'X-Absent: mine');
    assert.deepEqual(valuesOf(sent(), 'x-absent'), ['mine']);
  });
  it('ignores a header that is not listed, and lets the client’s own pass', async () => {
    onAuth = (_, response) => response.setHeader('x-other', 'ours').end();
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X-Other: mine');
    assert.deepEqual(valuesOf(sent(), 'x-other'), ['mine']);
  });
  it('lets a repeated header of the answer arrive repeated', async () => {
    onAuth = (_, response) => response.setHeader('x-api-key', ['a', 'b']).end();
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x');
    assert.deepEqual(valuesOf(sent(), 'x-api-key'), ['a', 'b']);
  });
  it('passes a denial’s status and body, and only the listed headers', async () => {
    onAuth = (_, response) => {
      response.writeHead(403, { 'content-type': 'application/json', 'x-cf-decision': 'd1', 'x-secret': 's' });
      response.end('{"no":1}');
    };
    await start({ 'forward-auth': forwardAuth });
    const { status, headers, body } = await get('/api/x');
    assert.deepEqual([status, body, upstream.received.length], [403, '{"no":1}', 0]);
    assert.equal(headers['content-type'], 'application/json');
    assert.deepEqual([headers['x-cf-decision'], headers['x-secret']], ['d1', undefined]);
  });
  it('calls a denial’s body text/plain where content-type is not listed', async () => {
    onAuth = (_, response) => response.writeHead(401, { 'content-type': 'application/json' }).end('{}');
    await start({ 'forward-auth': { ...forwardAuth, client_headers: [] } });
    assert.match((await get('/api/x')).headers['content-type'] ?? '', /^text\/plain/);
  });
  it('takes a redirect for a denial', async () => {
    onAuth = (_, response) => response.writeHead(302, { location: '/login' }).end();
    await start({ 'forward-auth': forwardAuth });
    assert.equal((await get('/api/x')).status, 302);
    assert.equal(upstream.received.length, 0);
  });
  it('closes the connection on 499', async () => {
    onAuth = (_, response) => response.writeHead(499).end();
    await start({ 'forward-auth': forwardAuth });
    assert.equal((await get('/api/x')).status, 0);
  });
  it('answers a page of its own with status_on_error when nobody answers in time', async () => {
    onAuth = () => undefined;
    await start({ 'forward-auth': forwardAuth });
    const { status, headers, body } = await get('/api/x');
    assert.deepEqual([status, upstream.received.length], [503, 0]);
    assert.match(headers['content-type'] ?? '', /^text\/html/);
    assert.match(body, /503/);
  });
  it('lets the client’s own headers through where degradation is allowed', async () => {
    onAuth = () => undefined;
    await start({ 'forward-auth': { ...forwardAuth, allow_degradation: true } });
    await get('/api/x', 'X-Api-Key: mine');
    assert.deepEqual(valuesOf(sent(), 'x-api-key'), ['mine']);
  });
});

describe('stand-in gateway: paths', () => {
  const cases = [
    ['/api/a/%2e%2e/b', '/b'],
    ['/api//a///b', '/a/b'],
    ['/api/org%2Fmodel', '/org/model'],
    ['/api/a%3Fadmin=1?x=%2f', '/a%3Fadmin=1?x=%2f'],
    ['/api/gpt%204', '/gpt%204'],
    ['/api/m:generateContent?alt=sse', '/m:generateContent?alt=sse'],
    ['/api/%C3%A4', '/%C3%A4'],
    ['/api/a%2525', '/a%2525'],
    ['/%61pi/a', '/a'],
    ['/api/a%5cb', '/a%5Cb'],
  ] as const;

  it('sends the raw path on without a rewrite, and says nothing of it in $upstream_uri', async () => {
    await start({ 'forward-auth': forwardAuth });
    for (const [path] of cases) {
      await get(path);
      assert.deepEqual([sent().url, question().headers['x-cf-upstream-uri']], [path, '']);
    }
  });
  it('sends the normalised, rewritten, re-encoded path on, which $upstream_uri carries with the query', async () => {
    await start({ 'forward-auth': forwardAuth, 'proxy-rewrite': stripPrefix });
    for (const [path, rewritten] of cases) {
      await get(path);
      assert.deepEqual([sent().url, question().headers['x-cf-upstream-uri']], [rewritten, rewritten]);
    }
  });
  it('sends the raw path on where the rewrite says so', async () => {
    await start({ 'forward-auth': forwardAuth, 'proxy-rewrite': stripPrefix }, { mode: 'raw-path' });
    await get('/api/org%2Fmodel/%2e%2e/x?y=1');
    assert.deepEqual(sent().url, '/org%2Fmodel/%2e%2e/x?y=1');
    assert.deepEqual(question().headers['x-cf-upstream-uri'], '/org%2Fmodel/%2e%2e/x?y=1');
  });
  it('adds the base path that the rewrite names', async () => {
    await start({ 'forward-auth': forwardAuth, 'proxy-rewrite': { regex_uri: ['^/api/(.*)', '/v2/$1'] } });
    await get('/api/things?a=1');
    assert.equal(sent().url, '/v2/things?a=1');
  });
});

describe('stand-in gateway: routes', () => {
  const more = [
    { id: 'other', uri: '/api/exact', upstream: node, plugins: { 'proxy-rewrite': { uri: '/exact' } } },
    { id: 'long', uri: '/api/long/*', upstream: node, plugins: { 'proxy-rewrite': { uri: '/long' } } },
    {
      id: 'hosted',
      uri: '/api/*',
      host: 'h.example',
      upstream: node,
      plugins: { 'proxy-rewrite': { uri: '/hosted' } },
    },
    {
      id: 'first',
      uri: '/api/*',
      priority: 9,
      methods: ['PUT'],
      upstream: node,
      plugins: { 'proxy-rewrite': { uri: '/put' } },
    },
  ];

  beforeEach(async () => {
    const nodes = Object.fromEntries(['api', ...more.map(({ id }) => id)].map((id) => [id, upstream.url]));
    await start({}, { apisixYaml: yamlOf({}, more), nodes });
  });
  it('prefers the exact path, then the longer prefix', async () => {
    for (const [path, expected] of [
      ['/api/exact', '/exact'],
      ['/api/long/x', '/long'],
      ['/api/x', '/api/x'],
    ] as const) {
      await get(path);
      assert.equal(sent().url, expected);
    }
  });
  it('prefers the route of the host, and the higher priority where its method fits', async () => {
    await sendRaw(gateway.url, ['GET /api/x HTTP/1.1', 'Host: h.example']);
    assert.equal(sent().url, '/hosted');
    await sendRaw(gateway.url, ['PUT /api/x HTTP/1.1', 'Host: gw', 'Content-Length: 0']);
    assert.equal(sent().url, '/put');
  });
  it('answers 404 where no route matches', async () => {
    const { status, body } = await get('/nowhere');
    assert.deepEqual([status, body], [404, '{"error_msg":"404 Route Not Found"}\n']);
  });
});

describe('stand-in gateway: cors', () => {
  const cors = { allow_origins: '*', allow_headers: '**', allow_methods: 'GET,POST' };

  it('answers a preflight itself, before forward-auth', async () => {
    await start({ cors, 'forward-auth': forwardAuth });
    const { status, headers } = await sendRaw(gateway.url, [
      'OPTIONS /api/x HTTP/1.1',
      'Host: gw',
      'Origin: http://app.example',
      'Access-Control-Request-Headers: authorization,x-stainless-os',
    ]);
    assert.deepEqual([status, auth.received.length, upstream.received.length], [200, 0, 0]);
    assert.equal(headers['access-control-allow-headers'], 'authorization,x-stainless-os');
  });
  it('lets a browser read denials, too', async () => {
    onAuth = (_, response) => response.writeHead(401).end();
    await start({ cors, 'forward-auth': forwardAuth });
    const { status, headers } = await get('/api/x', 'Origin: http://app.example');
    assert.deepEqual([status, headers['access-control-allow-origin']], [401, '*']);
  });
});

describe('stand-in gateway: bodies', () => {
  it('streams an answer while it is made', async () => {
    let finish = (): void => undefined;
    onUpstream = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      finish = () => response.end('data: 2\n\n');
    };
    await start({ 'forward-auth': forwardAuth });
    const response = await fetch(`${gateway.url}/api/x`);
    const reader = response.body?.getReader() ?? assert.fail('no body');
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'data: 1\n\n');
    finish();
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'data: 2\n\n');
  });
  it('passes a chunked body untouched', async () => {
    await start({ 'forward-auth': forwardAuth });
    const chunks = '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n';
    await sendRaw(gateway.url, ['POST /api/x HTTP/1.1', 'Host: gw', 'Transfer-Encoding: chunked'], chunks);
    assert.deepEqual([sent().body, sent().headers['content-length']], ['hello world', undefined]);
  });
  it('breaks the answer off where the upstream does', async () => {
    onUpstream = (_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    };
    await start({ 'forward-auth': forwardAuth });
    await assert.rejects(async () => (await fetch(`${gateway.url}/api/x`)).text());
  });
  it('answers 502 where the upstream is not there', async () => {
    await start({ 'forward-auth': forwardAuth }, { nodes: { api: 'http://127.0.0.1:9' } });
    assert.equal((await get('/api/x')).status, 502);
  });
  it('tells the upstream its own host, and leaves the client’s X-Forwarded-Uri alone', async () => {
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'X-Forwarded-Uri: /mine');
    assert.equal(sent().headers.host, new URL(upstream.url).host);
    assert.equal(sent().headers['x-forwarded-uri'], '/mine');
  });
});

describe('stand-in gateway: log', () => {
  const logger = {
    uri: 'http://127.0.0.1:9280/api/logs',
    auth_header: 'Bearer ${{LOG}}',
    batch_max_size: 2,
    inactive_timeout: 1,
    max_retry_count: 1,
    retry_delay: 0,
    log_format: {
      fixed: 'text',
      request_id: '$request_id',
      status: '$status',
      credential: '$http_cfcredential',
      upstream: { status: '$upstream_status', retry_after: '$upstream_http_retry_after' },
    },
  };
  const entries = (): unknown[] =>
    auth.received.filter(({ url }) => url === '/api/logs').flatMap(({ body }) => JSON.parse(body) as unknown[]);
  const allowing = (request: ReceivedRequest, response: ServerResponse): void => {
    if (request.url !== '/api/logs') response.setHeader('cfcredential', 'v1');
    response.end();
  };
  const withCredential = { ...forwardAuth, upstream_headers: [...forwardAuth.upstream_headers, 'cfcredential'] };

  it('posts a full batch at once, with the format’s fields and the route', async () => {
    onAuth = allowing;
    await start({ 'forward-auth': withCredential, 'http-logger': logger });
    await get('/api/x', 'cfcredential: forged');
    await get('/api/x');
    await gateway.flushLogs();
    const [first, second] = entries() as [Record<string, unknown>, Record<string, unknown>];
    const { request_id: id, ...rest } = first;
    assert.match(String(id), /^[0-9a-f]{32}$/);
    assert.notEqual(id, second['request_id']);
    assert.deepEqual(rest, {
      fixed: 'text',
      status: 200,
      credential: 'v1',
      upstream: { status: '200' },
      route_id: 'api',
    });
    const [posted] = auth.received.filter(({ url }) => url === '/api/logs');
    assert.deepEqual([posted?.headers.authorization, posted?.method], ['Bearer log-key', 'POST']);
  });
  it('logs a denial without upstream fields', async () => {
    onAuth = (request, response) => response.writeHead(request.url === '/api/logs' ? 204 : 401).end();
    await start({ 'forward-auth': forwardAuth, 'http-logger': logger });
    await get('/api/x');
    await gateway.flushLogs();
    const [{ status, upstream: seen }] = entries() as [{ status: number; upstream: unknown }];
    assert.deepEqual([status, seen], [401, {}]);
  });
  it('sends a batch again after a failure, so it comes at least once', async () => {
    let failures = 1;
    onAuth = (request, response) => response.writeHead(request.url === '/api/logs' && failures-- > 0 ? 500 : 200).end();
    await start({ 'forward-auth': forwardAuth, 'http-logger': logger });
    await get('/api/x');
    await gateway.flushLogs();
    assert.equal(entries().length, 2);
  });
  it('sends a partial batch after the silence', async () => {
    onAuth = allowing;
    await start({ 'forward-auth': withCredential, 'http-logger': logger });
    await get('/api/x');
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    assert.equal(entries().length, 1);
  });
});

describe('stand-in gateway: recording', () => {
  it('masks tokens and secrets in what it recorded', async () => {
    onAuth = (_, response) => response.setHeader('x-api-key', 'sk-very-long-upstream-secret').end();
    await start({ 'forward-auth': forwardAuth });
    await get('/api/x', 'Authorization: Bearer cf_very_long_client_token');
    const text = JSON.stringify(gateway.questions);
    for (const secret of ['cf_very_long_client_token', 'sk-very-long-upstream-secret', 'gateway-key']) {
      assert.ok(!text.includes(secret), secret);
    }
    assert.equal(gateway.questions[0]?.answer?.status, 200);
  });
});
