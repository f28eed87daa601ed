import { lstat, chmod, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { Server as NetServer, connect } from 'node:net';
import type { ListenOptions as NetListenOptions } from 'node:net';
import type { ListenAddress } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Clock } from '../core/ports.ts';

export interface ListenOptions {
  /** SO_REUSEPORT: several processes share the port. Default false; no effect on unix sockets. */
  readonly reusePort?: boolean;
}

export interface Listener {
  /** Where it is bound: `127.0.0.1:9280`, `[::1]:9280` or `unix:/path`, with the port that was taken for port 0. */
  readonly address: string;
  /**
   * Stops listening. Every later answer carries `Connection: close`; open connections are kept until they asked once
   * more, closed by themselves, or `timeoutMs` is over. Resolves when no connection is left; a second call joins in.
   */
  drain(timeoutMs: number): Promise<void>;
}

/** Binds `server`. Rejects with `config_invalid` when the address cannot be bound. */
export async function listen(
  server: Server,
  address: ListenAddress,
  options: ListenOptions,
  deps: { readonly clock: Clock },
): Promise<Listener> {
  await bind(server, address, options);
  // What goes wrong from here on (EMFILE on accept) ends no process.
  server.on('error', () => undefined);
  let drained: Promise<void> | undefined;
  return {
    address: boundAddress(server, address),
    drain: (timeoutMs) => (drained ??= drain(server, timeoutMs, deps.clock)),
  };
}

async function drain(server: Server, timeoutMs: number, clock: Clock): Promise<void> {
  // First of all listeners, so that the answer is marked before anybody writes it.
  server.prependListener('request', (_req, res) => {
    res.shouldKeepAlive = false;
  });
  await quietMoment(server, clock);
  await new Promise<void>((resolve) => {
    const cancel = clock.after(timeoutMs, () => server.closeAllConnections());
    // Not the close of http.Server: that one destroys idle connections, on which a request may be under way.
    NetServer.prototype.close.call(server, () => {
      cancel();
      resolve();
    });
  });
  // Nothing is left to close; this ends the timer which looks for slow requests.
  server.close();
}

/** Longest search for a quiet moment, and how short a turn of the loop must be to count as one; milliseconds. */
const quietWithinMs = 500;
const quietTurnMs = 0.05;

/**
 * Closing a listener resets the connections that wait in its queue, and where processes share the port the kernel goes
 * on to fill that queue. So the loop is turned without a pause until a turn brought nothing and took no time: what the
 * kernel can add between that turn and the close that follows are microseconds' worth of connections. (Linux hands even
 * those over to the other processes where `net.ipv4.tcp_migrate_req` is 1.)
 */
async function quietMoment(server: Server, clock: Clock): Promise<void> {
  let arrivals = 0;
  const count = (): void => {
    arrivals += 1;
  };
  server.on('connection', count);
  server.on('request', count);
  const giveUpAt = clock.monotonic() + quietWithinMs;
  // The first turn only tells where turns begin.
  await nextTurn();
  for (let quiet = false; !quiet && clock.monotonic() < giveUpAt;) {
    const [arrivedBefore, began] = [arrivals, clock.monotonic()];
    await nextTurn();
    quiet = arrivals === arrivedBefore && clock.monotonic() - began < quietTurnMs;
  }
  server.off('connection', count);
  server.off('request', count);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function bind(server: Server, address: ListenAddress, options: ListenOptions): Promise<void> {
  try {
    if (address.kind === 'unix') await bindSocket(server, address.path);
    else await bound(server, { host: address.host, port: address.port, reusePort: options.reusePort ?? false });
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new CredentialFlowError('config_invalid', `cannot listen on ${textOf(address)}: ${reason}`, { cause: error });
  }
}

async function bindSocket(server: Server, path: string): Promise<void> {
  try {
    await bound(server, { path });
  } catch (error) {
    if (!(await isStaleSocket(path))) throw error;
    await unlink(path);
    await bound(server, { path });
  }
  // Connecting needs the right to write; nobody but owner and group has it before this either (umask 022).
  await chmod(path, 0o660);
}

/** A socket file that nobody listens on: left behind by a process that was killed. */
async function isStaleSocket(path: string): Promise<boolean> {
  const isSocket = await lstat(path).then(
    (stat) => stat.isSocket(),
    () => false,
  );
  if (!isSocket) return false;
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function bound(server: Server, where: NetListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function boundAddress(server: Server, address: ListenAddress): string {
  const actual = server.address();
  if (address.kind === 'unix' || actual === null || typeof actual === 'string') return textOf(address);
  return textOf({ kind: 'tcp', host: actual.address, port: actual.port });
}

function textOf(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}
