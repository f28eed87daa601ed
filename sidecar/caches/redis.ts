import type { Redis } from 'ioredis';
import { cacheFailed, checkValue, maxValueBytes, type CacheKind } from './kind.ts';
import { connectRedis } from './redis-connection.ts';
import { reasonOf } from './redis-fault.ts';
import { createRedisHints } from './redis-hints.ts';
import { parseRedisUrl } from './redis-url.ts';
import { within } from './within.ts';

/** Nobody waits for a connection but the start, and that not for long. */
const connectTimeoutMs = 2_000;
const startWaitMs = 250;

/** Commands without an answer yet; beyond it the server is taken for gone. */
const maxUnanswered = 1_024;

/** Time-outs in a row after which the connection is taken for dead. */
const maxTimeouts = 4;

/** A standalone Redis. Nothing is queued while it is away, nothing is tried twice. */
export const createRedisCache: CacheKind = async (url, options, deps) => {
  const prefix = options.keyPrefix ?? 'cf:';
  const timeoutMs = options.timeoutMs ?? 50;
  const connecting = { address: parseRedisUrl(url), timeoutMs, connectTimeoutMs };
  const channel = `${prefix}hints:${options.storeId ?? ''}`;
  const connection = connectRedis({ ...connecting, role: 'values' }, { ...deps, greet: (client) => client.ping() });
  const hints = createRedisHints({ ...connecting, channel }, deps);
  let unanswered = 0;
  let timeouts = 0;

  async function ask<T>(run: (client: Redis) => Promise<T>): Promise<T> {
    if (!connection.isUp()) throw cacheFailed('Redis is not connected.');
    if (unanswered >= maxUnanswered) throw cacheFailed('Redis does not keep up.');
    unanswered += 1;
    try {
      const answer = await run(connection.client);
      timeouts = 0;
      return answer;
    } catch (error) {
      const reason = reasonOf(error);
      timeouts = reason === 'timeout' ? timeouts + 1 : 0;
      if (timeouts >= maxTimeouts) {
        timeouts = 0;
        connection.restart(reason);
      }
      // Without the cause: it carries the command's arguments.
      throw cacheFailed(`Redis: ${reason}.`);
    } finally {
      unanswered -= 1;
    }
  }

  await within(deps.clock, startWaitMs, connection.tried);
  return {
    kind: 'redis',
    async get(key) {
      // A range, so that a value that grew huge is not even sent. A missing key reads as an empty one.
      const value = await ask((client) => client.getrange(prefix + key, 0, maxValueBytes));
      if (typeof value !== 'string' || Buffer.byteLength(value) > maxValueBytes) {
        throw cacheFailed('Redis: the value is not one of ours.');
      }
      return value === '' ? undefined : value;
    },
    async set(key, value, ttlMs) {
      checkValue(value, ttlMs);
      await ask((client) => client.set(prefix + key, value, 'PX', Math.ceil(ttlMs)));
    },
    async delete(key) {
      await ask((client) => client.del(prefix + key));
    },
    async publishHint(revision) {
      await ask((client) => client.publish(channel, String(revision)));
    },
    onHint: hints.onHint,
    healthy: connection.isUp,
    async close() {
      hints.close();
      connection.close();
    },
  };
};
