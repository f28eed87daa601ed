import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { ListenAddress } from '../../sidecar/config/config.ts';
import { listen, type Listener } from '../../sidecar/http/listen.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { connectRaw, statusesOf } from '../support/raw-connection.ts';

const anyPort: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 };
const ask = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

it('says where it is bound', async (t) => {
  const { listener } = await start(t, anyPort);
  assert.match(listener.address, /^127\.0\.0\.1:[1-9]\d+$/);
  const answer = await fetch(`http://${listener.address}`);
  assert.equal(answer.status, 200);
});

it('says in one line what it cannot bind', async (t) => {
  const { listener } = await start(t, anyPort);
  const port = portOf(listener);
  await assert.rejects(start(t, { kind: 'tcp', host: '127.0.0.1', port }), {
    code: 'config_invalid',
    message: `cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
  });
});

it('shares a port where that is wanted', async (t) => {
  const first = await start(t, anyPort, { reusePort: true });
  const second = await start(t, { kind: 'tcp', host: '127.0.0.1', port: portOf(first.listener) }, { reusePort: true });
  assert.equal(second.listener.address, first.listener.address);
});

it('binds a unix socket for owner and group, replaces a stale one, and spares everything else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cf-listen-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'data.sock');
  leaveStaleSocket(path);
  assert.ok((await stat(path)).isSocket());

  const { listener } = await start(t, { kind: 'unix', path });
  assert.equal(listener.address, `unix:${path}`);
  assert.equal((await stat(path)).mode & 0o777, 0o660);
  const connection = await connectRaw({ path });
  connection.send(ask);
  assert.deepEqual(statusesOf(await connection.until(/\r\n\r\n/)), [200]);
  connection.destroy();

  await assert.rejects(start(t, { kind: 'unix', path }), { message: `cannot listen on unix:${path}: EADDRINUSE` });
  assert.ok((await stat(path)).isSocket(), 'the living one stays');
  const file = join(folder, 'file');
  await writeFile(file, 'not a socket');
  await assert.rejects(start(t, { kind: 'unix', path: file }), { code: 'config_invalid' });
  assert.ok((await stat(file)).isFile());
});

it('drains: an idle connection is kept until it asks once more, and told to close', async (t) => {
  const { listener } = await start(t, anyPort);
  const idle = await connectRaw({ port: portOf(listener) });
  idle.send(ask);
  await idle.until(/keep-alive/);
  const drained = listener.drain(60_000);
  await turn();
  await assert.rejects(connectRaw({ port: portOf(listener) }), 'nobody listens any more');
  assert.ok(idle.open, 'the idle connection is still there');
  idle.send(ask);
  const received = await idle.closed();
  assert.deepEqual(statusesOf(received), [200, 200]);
  assert.match(received, /Connection: close\r\n/);
  await drained;
});

it('drains: what is under way is answered', async (t) => {
  const { listener, release } = await start(t, anyPort, {}, true);
  const busy = await connectRaw({ port: portOf(listener) });
  busy.send(ask);
  await turn();
  const drained = listener.drain(60_000);
  await turn();
  release();
  await busy.until(/ 200 /);
  busy.send(ask);
  release();
  assert.match(await busy.closed(), /Connection: close/);
  await drained;
});

it('drains: a connection that waits in the queue is served', async (t) => {
  const { listener } = await start(t, anyPort);
  const connecting = connectRaw({ port: portOf(listener) });
  const drained = listener.drain(60_000);
  const connection = await connecting;
  connection.send(ask);
  assert.deepEqual(statusesOf(await connection.closed()), [200]);
  await drained;
});

it('drains: what is still idle when the time is over is cut', async (t) => {
  const clock = createFakeClock();
  const { listener } = await start(t, anyPort, {}, false, clock);
  const idle = await connectRaw({ port: portOf(listener) });
  idle.send(ask);
  await idle.until(/keep-alive/);
  const drained = listener.drain(1_000);
  await turn();
  clock.advance(999);
  await turn();
  assert.ok(idle.open);
  clock.advance(1);
  await idle.closed();
  await drained;
});

interface Started {
  readonly listener: Listener;
  /** Answers what waits. */
  readonly release: () => void;
}

async function start(
  t: TestContext,
  address: ListenAddress,
  options: { reusePort?: boolean } = {},
  hold = false,
  clock = systemClock,
): Promise<Started> {
  const held: (() => void)[] = [];
  const server: Server = createServer((_req, res) => {
    const answer = (): void => void res.end('ok');
    if (hold) held.push(answer);
    else answer();
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const listener = await listen(server, address, options, { clock });
  const release = (): void => {
    hold = false;
    for (const answer of held.splice(0)) answer();
  };
  return { listener, release };
}

function portOf(listener: Listener): number {
  return Number(listener.address.split(':').at(-1));
}

/** A process that is killed leaves its socket file behind. */
function leaveStaleSocket(path: string): void {
  const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', code]);
}

/** A few turns of the event loop, network included. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}
