import { createRedisClient, type RedisClientOptions } from './redis-client.ts';
import type { RedisNode } from './redis-node.ts';

export interface RedisQuestion extends Pick<RedisClientOptions, 'access' | 'guard'> {
  /** The command and its arguments. */
  readonly words: readonly [string, ...string[]];
}

/** Nobody waits for these but the next attempt to connect; milliseconds. */
const [timeoutMs, connectTimeoutMs] = [500, 1_000];

/** One question to one server, over a connection of its own. Rejects with whatever went wrong, within 2 s. */
export async function askOnce(node: RedisNode, question: RedisQuestion): Promise<unknown> {
  const { client, dropSocket } = createRedisClient({
    ...question,
    locate: async () => node,
    timeoutMs,
    connectTimeoutMs,
  });
  let fault: unknown;
  client.on('error', (error: unknown) => {
    fault ??= error;
  });
  try {
    await client.connect();
    const [command, ...args] = question.words;
    return await client.call(command, ...args);
  } catch (error) {
    // That the connection closed is the consequence; the first fault is the reason.
    throw fault ?? error;
  } finally {
    client.disconnect();
    dropSocket();
  }
}
