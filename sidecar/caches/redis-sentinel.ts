import { faultNamed } from './redis-fault.ts';
import { nodeOf, type RedisNode } from './redis-node.ts';
import { askOnce } from './redis-question.ts';
import type { RedisAccess } from './redis-url.ts';

export interface SentinelOptions {
  readonly sentinels: readonly RedisNode[];
  readonly access: RedisAccess;
  /** The name of the master that they watch. */
  readonly master: string;
}

/**
 * Asks the sentinels, one after the other, where the master is now. Rejects with `NO_SUCH_MASTER` when one answers that
 * it knows none, with `NO_SENTINEL` or the last fault when none answers.
 */
export function createSentinelLocator(options: SentinelOptions): () => Promise<RedisNode> {
  const guard = { replies: 'address', maxBulkBytes: 256 } as const;
  const words = ['SENTINEL', 'get-master-addr-by-name', options.master] as const;
  /** The one that answered last goes first. */
  let order = [...options.sentinels];

  return async () => {
    let fault: unknown = faultNamed('NO_SENTINEL');
    for (const sentinel of order) {
      try {
        const answer = await askOnce(sentinel, { access: options.access, guard, words });
        order = [sentinel, ...order.filter((other) => other !== sentinel)];
        const node = nodeOf(answer);
        if (node !== undefined) return node;
        fault = faultNamed('NO_SUCH_MASTER');
      } catch (error) {
        fault = error;
      }
    }
    throw fault;
  };
}
