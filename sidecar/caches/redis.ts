import type { Redis } from 'ioredis';
import { CredentialFlowError } from '../core/error.ts';
import type { CacheReport } from '../core/ports.ts';
import { cacheFailed, checkValue, maxValueBytes, type CacheKind } from './kind.ts';
import { createClusterRoutes } from './redis-cluster.ts';
import type { RedisConnection } from './redis-connection.ts';
import { notesOn, readFacts, type RedisFacts } from './redis-facts.ts';
import { fixFor, reasonOf } from './redis-fault.ts';
import { createRedisCounters } from './redis-counters.ts';
import { createRedisHints } from './redis-hints.ts';
import { createRedisLockTable } from './redis-locks.ts';
import { createRedisPlaces } from './redis-places.ts';
import { createSingleRoute, type RedisRoutes, type RouteDeps, type RouteOptions } from './redis-routes.ts';
import { createSentinelLocator } from './redis-sentinel.ts';
import { readTlsFiles } from './redis-socket.ts';
import { parseRedisUrl, type RedisTarget } from './redis-url.ts';
import { createSharedLocks } from './shared-locks.ts';
import { within } from './within.ts';

/** Nobody waits for a connection but the start, and that not for long. */
const connectTimeoutMs = 2_000;
const startWaitMs = 250;

type Command = 'get' | 'set' | 'delete' | 'publish' | 'count' | 'lock';

/** Redis alone, behind Sentinel, or as a Cluster. Nothing is queued while it is away, nothing is tried twice. */
export const createRedisCache: CacheKind = async (url, options, deps) => {
  const target = parseRedisUrl(url);
  checkTlsFiles(target);
  const { prefix, access } = target;
  const timeoutMs = options.timeoutMs ?? 50;
  const { storeId = '' } = options;
  const channels = { hints: `${prefix}hints:${storeId}`, messages: `${prefix}limits:${storeId}` };
  /** Commands that the server refuses, and why; told once each. */
  const refusals = new Map<Command, string>();
  const told = new Set<string>();
  let facts: RedisFacts | undefined;

  function greetAgain(connection: RedisConnection): void {
    refusals.clear();
    void learn(connection);
  }

  async function learn(connection: RedisConnection): Promise<void> {
    const found = readFacts(await connection.run((client) => client.info()).catch(() => undefined));
    if (found === undefined) return;
    for (const note of notesOn(found)) tellOnce(note, () => deps.log.warn('cache_note', { note }));
    facts = found;
  }

  const routes = createRoutes(
    target,
    { access, timeoutMs, connectTimeoutMs },
    { ...deps, greet: (client) => client.ping(), onUp: greetAgain },
  );
  const hints = createRedisHints({ access, timeoutMs, connectTimeoutMs, channels, locate: routes.locate }, deps);

  function tellOnce(what: string, tell: () => void): void {
    if (told.has(what) || told.size > 100) return;
    told.add(what);
    tell();
  }

  function note(command: Command, reason: string): void {
    if (!/^(NOPERM|OOM|READONLY|MISCONF|NOAUTH|MOVED)$/.test(reason)) return;
    refusals.set(command, reason);
    tellOnce(`${command} ${reason}`, () => deps.log.error('cache_refuses', { command, reason, fix: fixFor(reason) }));
  }

  function ask<T>(command: Command, key: string | undefined, run: (client: Redis) => Promise<T>): Promise<T> {
    const connection = routes.to(key);
    if (connection === undefined) return Promise.reject(cacheFailed('Redis is not connected.'));
    return connection.run(run).then(
      (answer) => accepted(command, answer),
      (error: unknown) => {
        const other = routes.after(error, connection);
        if (other === undefined) throw failed(command, error);
        return other.connection
          .run((client) => {
            if (other.asking) client.asking().catch(() => undefined);
            return run(client);
          })
          .then(
            (answer) => accepted(command, answer),
            (again: unknown) => {
              throw failed(command, again);
            },
          );
      },
    );
  }

  function accepted<T>(command: Command, answer: T): T {
    // A node of a cluster has some of the keys; it stays the wrong one to name.
    if (refusals.size > 0 && refusals.get(command) !== 'MOVED') refusals.delete(command);
    return answer;
  }

  function failed(command: Command, error: unknown): CredentialFlowError {
    if (error instanceof CredentialFlowError) return error;
    const reason = reasonOf(error);
    note(command, reason);
    // Without the cause: it carries the command's arguments.
    return cacheFailed(`Redis: ${reason}.`);
  }

  function report(): CacheReport {
    const faults = [...new Set(routes.faults())].map((reason) => `cannot be reached: ${reason} (${fixFor(reason)})`);
    const refused = [...refusals].map(([command, reason]) => `refuses to ${command}: ${reason} (${fixFor(reason)})`);
    return {
      connected: routes.isUp(),
      hints: hints.isUp(),
      problems: [...faults, ...refused],
      notes: facts === undefined ? [] : notesOn(facts),
      server: { mode: target.mode, ...facts },
    };
  }

  await within(deps.clock, startWaitMs, routes.tried);
  return {
    kind: 'redis',
    get(key) {
      const place = prefix + key;
      // A range, so that a value that grew huge is not even sent.
      return ask('get', place, (client) => client.getrange(place, 0, maxValueBytes)).then(readValue);
    },
    async set(key, value, ttlMs) {
      checkValue(value, ttlMs);
      await ask('set', prefix + key, (client) => client.set(prefix + key, value, 'PX', Math.ceil(ttlMs)));
    },
    async delete(key) {
      await ask('delete', prefix + key, (client) => client.del(prefix + key));
    },
    async publishHint(revision) {
      await ask('publish', undefined, (client) => client.publish(channels.hints, String(revision)));
    },
    onHint: hints.onHint,
    counters: createRedisCounters({ prefix }, (key, run) => ask('count', key, run)),
    places: {
      ...createRedisPlaces({ prefix }, (key, run) => ask('count', key, run)),
      async tell(message) {
        await ask('publish', undefined, (client) => client.publish(channels.messages, message));
      },
      onTold: hints.onMessage,
    },
    locks: createSharedLocks(createRedisLockTable({ prefix }, (key, run) => ask('lock', key, run))),
    healthy: routes.isUp,
    report,
    async close() {
      hints.close();
      routes.close();
    },
  };
};

/** Of a reply to GETRANGE, where a missing key reads as an empty one. */
function readValue(reply: unknown): string | undefined {
  if (typeof reply !== 'string' || Buffer.byteLength(reply) > maxValueBytes) {
    throw cacheFailed('Redis: the value is not one of ours.');
  }
  return reply === '' ? undefined : reply;
}

function createRoutes(target: RedisTarget, options: RouteOptions, deps: RouteDeps): RedisRoutes {
  switch (target.mode) {
    case 'standalone': {
      const [node] = target.nodes;
      return createSingleRoute({ ...options, locate: async () => node }, deps);
    }
    case 'sentinel': {
      const { nodes: sentinels, sentinelAccess, master } = target;
      const locate = createSentinelLocator({ sentinels, access: sentinelAccess, master });
      return createSingleRoute({ ...options, locate }, deps);
    }
    case 'cluster':
      return createClusterRoutes({ ...options, seeds: target.nodes }, deps);
  }
}

/** What cannot be read at the start is a mistake in the url; later it is an outage. */
function checkTlsFiles({ access }: Pick<RedisTarget, 'access'>): void {
  if (access.tls === undefined) return;
  try {
    readTlsFiles(access.tls);
  } catch (error) {
    throw new CredentialFlowError('config_invalid', `The cache: ${fixFor(reasonOf(error))}.`);
  }
}
