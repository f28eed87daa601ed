/** A master, a replica and three sentinels that agree on it quickly. */
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOwn, type RedisServer } from './redis-server.ts';

export interface TestSentinel {
  readonly url: string;
  /** The two servers; which of them is the master changes. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  /** Who is the master, as the sentinels see it. */
  master(): Promise<RedisServer>;
  stop(): Promise<void>;
}

export const masterName = 'main';
export const sentinelPassword = 'sentinel-hunter2';
export const dataPassword = 'data-hunter2';

/** Undefined: redis-server is not installed here. */
export async function startSentinel(): Promise<TestSentinel | undefined> {
  const started: RedisServer[] = [];
  const start = async (make: Parameters<typeof startOwn>[0]): Promise<RedisServer | undefined> => {
    const server = await startOwn(make);
    if (server !== undefined) started.push(server);
    return server;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
  };
  const auth = ['--requirepass', dataPassword, '--masterauth', dataPassword];
  try {
    const first = await start(() => ({ settings: auth }));
    if (first === undefined) return undefined;
    const replicaOf = ['--replicaof', '127.0.0.1', String(first.port), '--repl-diskless-sync-delay', '0'];
    const second = await start(() => ({ settings: [...auth, ...replicaOf] }));
    const sentinels: RedisServer[] = [];
    for (let i = 0; i < 3; i += 1) {
      const sentinel = await start(() => ({
        sentinel: [
          `sentinel monitor ${masterName} 127.0.0.1 ${first.port} 2`,
          `sentinel auth-pass ${masterName} ${dataPassword}`,
          `sentinel down-after-milliseconds ${masterName} 500`,
          `sentinel failover-timeout ${masterName} 2000`,
          `requirepass ${sentinelPassword}`,
        ],
        ready: '+monitor master',
      }));
      if (sentinel !== undefined) sentinels.push(sentinel);
    }
    const servers = [first, second].filter((server) => server !== undefined);
    await untilTheyKnowEachOther(sentinels);
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return {
      url: `redis-sentinel://:${dataPassword}@${hosts}/${masterName}?sentinel_password=${sentinelPassword}`,
      servers,
      sentinels,
      async master() {
        const [, port] = (await ask(sentinels, 'get-master-addr-by-name')) as [string, string];
        const found = servers.find((server) => server.port === Number(port));
        if (found === undefined) throw new Error('The sentinels name a master that is none of ours.');
        return found;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ask(sentinels: readonly RedisServer[], what: string): Promise<unknown> {
  for (const { port } of sentinels) {
    const client = new Redis({
      host: '127.0.0.1',
      port,
      password: sentinelPassword,
      retryStrategy: null,
      commandTimeout: 1_000,
    });
    client.on('error', () => undefined);
    try {
      return await client.call('SENTINEL', what, masterName);
    } catch {
      // Perhaps the next one is up.
    } finally {
      client.disconnect();
    }
  }
  throw new Error('No sentinel answers.');
}

/** A fail-over before all know each other and the replica finds no majority, or nobody to promote. */
async function untilTheyKnowEachOther(sentinels: readonly RedisServer[]): Promise<void> {
  for (let i = 0; i < 300; i += 1) {
    const known = await Promise.all(
      sentinels.map(async (sentinel) => {
        const others = (await ask([sentinel], 'sentinels')) as unknown[];
        const replicas = (await ask([sentinel], 'replicas')) as unknown[];
        return others.length === sentinels.length - 1 && replicas.length === 1;
      }),
    );
    if (known.every(Boolean)) return;
    await sleep(100);
  }
  throw new Error('The sentinels did not find each other.');
}
