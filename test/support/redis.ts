/** A real Redis for a test file: a server of its own, or a corner of the one that TEST_REDIS_URL names. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { startOwn, type RedisServer } from './redis-server.ts';

export interface TestRedis {
  /** As the cache takes it, with the prefix. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** What keys begin with: on a shared server other tests live too. */
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
  /** More arguments of the server. */
  readonly settings?: readonly string[];
}

/** `redis-server` on the PATH on a free port in a temporary folder, else the server of TEST_REDIS_URL. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const { port, password, settings = [] } = options;
  const server = await startOwn(() => ({
    ...(port === undefined ? {} : { port }),
    settings: [...settings, ...(password === undefined ? [] : ['--requirepass', password])],
  }));
  return server === undefined ? useShared() : useOwn(server, password);
}

async function useOwn(server: RedisServer, password?: string): Promise<TestRedis> {
  const { port } = server;
  const client = new Redis({ host: '127.0.0.1', port, ...(password === undefined ? {} : { password }) });
  client.on('error', () => undefined);
  await client.ping();
  return {
    ...server,
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    host: '127.0.0.1',
    keyPrefix: 'cf:',
    own: true,
    client,
    async stop() {
      client.disconnect();
      await server.stop();
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
    url: `${url}${url.includes('?') ? '&' : '?'}prefix=${keyPrefix}`,
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
