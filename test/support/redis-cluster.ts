/** A cluster of three masters, each with a replica where the test wants fail-overs. */
import { Redis } from 'ioredis';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { startOwn, type RedisServer } from './redis-server.ts';

export interface TestCluster {
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  /** A plain client of one node, for looking and for moving slots. */
  client(node: RedisServer): Redis;
  /** Nodes that are masters, as one that answers sees it. */
  masters(): Promise<readonly RedisServer[]>;
  stop(): Promise<void>;
}

const run = promisify(execFile);

/** Undefined: redis-server is not installed here. */
export async function startCluster(options: { readonly replicas: 0 | 1 }): Promise<TestCluster | undefined> {
  const nodes: RedisServer[] = [];
  const clients: Redis[] = [];
  async function stop(): Promise<void> {
    for (const client of clients) client.disconnect();
    await Promise.all(nodes.map((node) => node.stop()));
  }
  function client({ port }: RedisServer): Redis {
    const made = new Redis({ host: '127.0.0.1', port, retryStrategy: null, commandTimeout: 2_000 });
    made.on('error', () => undefined);
    clients.push(made);
    return made;
  }
  try {
    for (let i = 0; i < 3 * (1 + options.replicas); i += 1) {
      const node = await startOwn(async () => ({
        settings: [
          ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-port', String(await freePort())],
          ...['--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0'],
        ],
      }));
      if (node === undefined) return undefined;
      nodes.push(node);
    }
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const replicas = ['--cluster-replicas', String(options.replicas)];
    await run('redis-cli', ['--cluster', 'create', ...hosts, ...replicas, '--cluster-yes']);
    await untilAllAgree(nodes.map(client), options.replicas);
    return {
      url: `redis-cluster://${hosts.slice(0, 3).join(',')}`,
      nodes,
      client,
      async masters() {
        for (const node of nodes) {
          const text = await client(node)
            .call('CLUSTER', 'NODES')
            .catch(() => undefined);
          if (typeof text !== 'string') continue;
          const ports = [...text.matchAll(/127\.0\.0\.1:(\d+)@\d+\S* (\S*)master(?!\S*fail)\S* .* connected \d/g)];
          return nodes.filter(({ port }) => ports.some(([, found]) => Number(found) === port));
        }
        throw new Error('No node answers.');
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilAllAgree(clients: readonly Redis[], replicas: number): Promise<void> {
  for (let i = 0; i < 300; i += 1) {
    const agree = await Promise.all(
      clients.map(async (client) => {
        const info = String(await client.call('CLUSTER', 'INFO').catch(() => ''));
        const slots = (await client.call('CLUSTER', 'SLOTS').catch(() => [])) as unknown[][];
        return (
          info.includes('cluster_state:ok') && slots.length > 0 && slots.every((range) => range.length >= 3 + replicas)
        );
      }),
    );
    if (agree.every(Boolean)) return;
    await sleep(100);
  }
  throw new Error('The nodes of the cluster did not agree.');
}
