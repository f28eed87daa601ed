import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { IncomingMessage } from 'node:http';
import { it, type TestContext } from 'node:test';
import { createHardenedServer } from '../../sidecar/http/hardened-server.ts';
import { connectRaw, statusesOf } from '../support/raw-connection.ts';

const times = { headersTimeoutMs: 200, requestTimeoutMs: 400, checkIntervalMs: 50 };

/** Answers 200 to GET at once, to others when their body has come; `handled` counts those whose header lines came. */
async function startServer(t: TestContext) {
  let handled = 0;
  const server = createHardenedServer(
    (req, res) => {
      handled++;
      req.on('error', () => undefined);
      if (req.method === 'GET') res.end();
      else req.resume().on('end', () => res.end());
    },
    IncomingMessage,
    { times },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, handled: () => handled };
}

it('answers 408 and hangs up when the header lines do not end', async (t) => {
  const { port, handled } = await startServer(t);
  const connection = await connectRaw({ port });
  connection.send('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const answer = await connection.closed();
  assert.deepEqual(statusesOf(answer), [408]);
  assert.match(answer, /Connection: close/);
  assert.equal(handled(), 0);
});

it('hangs up when a body does not end, however its bytes trickle', async (t) => {
  const { port, handled } = await startServer(t);
  const connection = await connectRaw({ port });
  connection.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  const trickle = setInterval(() => connection.send('x'), 20);
  t.after(() => clearInterval(trickle));
  const answer = await connection.closed();
  assert.deepEqual(statusesOf(answer), [408]);
  assert.equal(handled(), 1);
});

it('bounds each request of a connection, not the connection', async (t) => {
  const { port, handled } = await startServer(t);
  const connection = await connectRaw({ port });
  const until = Date.now() + 2 * times.requestTimeoutMs + times.checkIntervalMs;
  let asked = 0;
  while (Date.now() < until) {
    connection.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    asked++;
    await connection.until(new RegExp(`(HTTP/1\\.1 200[^]*?\\r\\n\\r\\n){${asked}}`));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(connection.open);
  assert.equal(handled(), asked);
  connection.destroy();
});
