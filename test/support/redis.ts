/** A real Redis for a test file: a server of its own, or a corner of the one that TEST_REDIS_URL names. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export interface TestRedis {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Begin every key with it: on a shared server other tests live too. */
  readonly keyPrefix: string;
  /** False on a shared server: it cannot be paused, killed or flushed. */
  readonly own: boolean;
  /** A plain client, for looking at what was stored and for playing the attacker. */
  readonly client: Redis;
  /** SIGSTOP: the server accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGKILL; `stop` is still to be called. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Password of the default user. */
  readonly password?: string;
  /** Port to listen on; default a free one. */
  readonly port?: number;
}

/** `redis-server` on the PATH on a free port in a temporary folder, else the server of TEST_REDIS_URL. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const server = await startServer(port, options.password);
    if (server === 'not installed') return useShared();
    if (server !== undefined) return useOwn(server, port, options.password);
    if (attempt === 5) throw new Error('redis-server does not start on any port.');
  }
}

interface Server {
  readonly process: ChildProcess;
  readonly folder: string;
}

/** Found on the PATH. */
const program = 'redis-server';

async function startServer(port: number, password?: string): Promise<Server | 'not installed' | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'cf-redis-'));
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn(program, [...settings, ...(password === undefined ? [] : ['--requirepass', password])], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const isReady = await new Promise<boolean | 'not installed'>((resolve) => {
    let output = '';
    child.once('error', () => resolve('not installed'));
    child.once('exit', () => resolve(false));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ready to accept connections')) resolve(true);
    });
  });
  if (isReady === true) {
    // Whatever ends this process must not leave a server behind.
    process.once('exit', () => child.kill('SIGKILL'));
    return { process: child, folder };
  }
  rmSync(folder, { recursive: true, force: true });
  return isReady === false ? undefined : isReady;
}

async function useOwn(server: Server, port: number, password?: string): Promise<TestRedis> {
  const client = new Redis({ host: '127.0.0.1', port, ...(password === undefined ? {} : { password }) });
  client.on('error', () => undefined);
  await client.ping();
  const { process: child, folder } = server;
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  return {
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    keyPrefix: 'cf:',
    own: true,
    client,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    async stop() {
      client.disconnect();
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function useShared(): Promise<TestRedis> {
  const url = process.env['TEST_REDIS_URL'];
  if (url === undefined || url === '') {
    throw new Error(
      'The tests need a real Redis: put redis-server on the PATH (Debian: apt-get install redis-server), ' +
        'or name a server whose data may be lost: TEST_REDIS_URL=redis://127.0.0.1:6379',
    );
  }
  const { hostname, port } = new URL(url);
  const client = new Redis(url);
  client.on('error', () => undefined);
  await client.ping();
  const keyPrefix = `cf-test-${randomUUID()}:`;
  const notOurs = (): never => {
    throw new Error('The Redis of TEST_REDIS_URL is shared: look at `own` first.');
  };
  return {
    url,
    host: hostname,
    port: port === '' ? 6379 : Number(port),
    keyPrefix,
    own: false,
    client,
    pause: notOurs,
    resume: notOurs,
    kill: async () => notOurs(),
    async stop() {
      const keys = await client.keys(`${keyPrefix}*`);
      if (keys.length > 0) await client.del(keys);
      client.disconnect();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
