/** Caches of several servers, and the loss of one of them for good. */
import { startCluster } from '../../test/support/redis-cluster.ts';
import { startSentinel } from '../../test/support/redis-sentinel.ts';

interface Servers {
  readonly url: string;
  stop(): Promise<void>;
  loseMaster(): Promise<void>;
}

export interface FailOver {
  readonly name: string;
  start(): Promise<Servers>;
}

export const failOvers: readonly FailOver[] = [
  {
    name: 'redis sentinel: the master lost',
    async start() {
      const sentinel = installed(await startSentinel());
      return { ...sentinel, loseMaster: async () => (await sentinel.master()).kill() };
    },
  },
  {
    name: 'redis cluster of three: a master lost',
    async start() {
      const cluster = installed(await startCluster({ replicas: 0 }));
      return { ...cluster, loseMaster: async () => (await cluster.masters())[0]?.kill() };
    },
  },
];

function installed<T>(servers: T | undefined): T {
  if (servers === undefined) throw new Error('redis-server is not installed: npm test installs it');
  return servers;
}
