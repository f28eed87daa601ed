import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { createHttpClient, type HttpClientOptions } from '../../sidecar/ops/http-client.ts';

it('sends JSON and reads JSON', async (t) => {
  const { url, client } = await serve(t, (req, res) => {
    void req
      .setEncoding('utf8')
      .reduce((all: string, chunk: string) => all + chunk, '')
      .then((body) => {
        res.setHeader('content-type', 'application/problem+json; charset=utf-8');
        res.statusCode = 409;
        res.end(
          JSON.stringify({ method: req.method, type: req.headers['content-type'], key: req.headers['x-a'], body }),
        );
      });
  });
  const answer = await client.request({ method: 'PUT', url, headers: { 'x-a': 'b' }, json: { x: 1 } });
  assert.equal(answer.status, 409);
  assert.deepEqual(answer.json, { method: 'PUT', type: 'application/json', key: 'b', body: '{"x":1}' });
});

it('gives text as it is, and no JSON where there is none', async (t) => {
  const { url, client } = await serve(t, (req, res) => {
    if (req.url === '/broken') res.setHeader('content-type', 'application/json');
    res.end('{half');
  });
  for (const path of ['text', 'broken']) {
    const answer = await client.request({ method: 'GET', url: url + path });
    assert.deepEqual([answer.text, answer.json], ['{half', undefined]);
  }
});

it('follows no redirect: a key would travel along', async (t) => {
  let asked = 0;
  const { url, client } = await serve(t, (_req, res) => {
    asked++;
    res.writeHead(307, { location: '/elsewhere' }).end();
  });
  assert.equal((await client.request({ method: 'GET', url })).status, 307);
  assert.equal(asked, 1);
});

it('gives up in time, on silence and on endless answers, and says where but not what', async (t) => {
  const { url, client } = await serve(
    t,
    (req, res) => {
      if (req.url !== '/silent?key=hush') res.end('x'.repeat(2_000));
    },
    { maxBodyBytes: 1_000 },
  );
  const origin = new URL(url).origin;
  await assert.rejects(client.request({ method: 'GET', url: `${url}silent?key=hush`, timeoutMs: 50 }), {
    code: 'internal',
    message: `no answer from ${origin}: time-out`,
  });
  await assert.rejects(client.request({ method: 'GET', url }), { message: /UND_ERR_RES_EXCEEDED_MAX_SIZE$/ });
});

it('says that nobody listens', async (t) => {
  const { url, client, server } = await serve(t, (_req, res) => res.end());
  server.close();
  await once(server, 'close');
  await assert.rejects(client.request({ method: 'GET', url }), { message: /: ECONNREFUSED$/ });
});

it('speaks over a unix socket', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cf-client-'));
  t.after(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, 's');
  const server = createServer((_req, res) => res.end('here')).listen(socketPath);
  await once(server, 'listening');
  const client = createHttpClient({ socketPath });
  t.after(() => Promise.all([client.close(), new Promise((resolve) => server.close(resolve))]));
  assert.equal((await client.request({ method: 'GET', url: 'http://localhost/' })).text, 'here');
});

async function serve(
  t: TestContext,
  listener: RequestListener,
  options: HttpClientOptions = {},
): Promise<{
  readonly url: string;
  readonly client: ReturnType<typeof createHttpClient>;
  readonly server: Server;
}> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createHttpClient(options);
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await client.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, client, server };
}

it('streams a body of any length, and says when it breaks off', async (t) => {
  const { url, client } = await serve(
    t,
    (req, res) => {
      res.write('x'.repeat(5_000));
      if (req.url === '/broken') setImmediate(() => res.destroy());
      else res.end('y');
    },
    { maxBodyBytes: 1_000 },
  );
  const read = async (path: string) => {
    let length = 0;
    const { status, body } = await client.stream({ method: 'GET', url: url + path });
    for await (const chunk of body) length += chunk.length;
    return [status, length];
  };
  assert.deepEqual(await read('whole'), [200, 5_001]);
  await assert.rejects(read('broken'));
  const small = await client.stream({ method: 'GET', url: `${url}whole` });
  assert.equal((await small.answer()).text.length, 5_001);
  await assert.rejects(client.stream({ method: 'GET', url: 'http://127.0.0.1:1/?key=hush' }), {
    code: 'internal',
    message: /^no answer from http:\/\/127\.0\.0\.1:1: /,
  });
});
