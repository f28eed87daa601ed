import { Redis } from 'ioredis';
import type { Socket } from 'node:net';
import { createReplyGuard, type ReplyGuardOptions } from './redis-reply-guard.ts';
import { redisConnector, type RedisSocketOptions } from './redis-socket.ts';
import type { RedisAccess } from './redis-url.ts';

export interface RedisClientOptions {
  readonly locate: RedisSocketOptions['locate'];
  readonly access: RedisAccess;
  /** Which replies may reach the client; what else comes ends the connection. */
  readonly guard: ReplyGuardOptions;
  /** Longest wait for one answer, milliseconds. */
  readonly timeoutMs: number;
  /** Longest time for making a connection, milliseconds. */
  readonly connectTimeoutMs: number;
  /** Milliseconds until the next attempt; null: no other. Default: no other. */
  readonly retryInMs?: () => number | null;
}

export interface RedisClient {
  readonly client: Redis;
  /** Not the polite way: a server that hangs would not answer a farewell either. */
  readonly dropSocket: () => void;
}

/**
 * The client, as every connection of ours uses it: nothing is queued while it is away, nothing is tried twice, every
 * answer has its time, and no byte reaches the decoder before the guard has seen it. Not connected yet.
 */
export function createRedisClient(options: RedisClientOptions): RedisClient {
  const { access, guard } = options;
  let socket: Socket | undefined;
  const client = new Redis({
    Connector: redisConnector({
      locate: options.locate,
      tls: access.tls,
      onSocket(opened) {
        socket = opened;
      },
    }),
    // Only says to the client which event of the socket to wait for; the options are the connector's.
    ...(access.tls === undefined ? {} : { tls: {} }),
    db: access.db,
    ...(access.username === undefined ? {} : { username: access.username }),
    ...(access.password === undefined ? {} : { password: access.password.reveal() }),
    protocol: 2,
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs,
    commandTimeout: options.timeoutMs,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: options.retryInMs ?? (() => null),
  });
  client.on('connect', () => guardReplies(client.stream, guard));
  return { client, dropSocket: () => socket?.destroy() };
}

/** Puts the guard between the socket and the client's decoder, which listens there since the socket connected. */
function guardReplies(stream: Redis['stream'], options: ReplyGuardOptions): void {
  const decoders = stream.listeners('data') as ((chunk: Buffer) => void)[];
  const guard = createReplyGuard(options);
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    if (stream.destroyed) return;
    const passed = guard.pass(chunk);
    if (passed !== undefined) for (const decode of decoders) decode.call(stream, passed);
    else stream.destroy(Object.assign(new Error('not a reply of ours'), { code: 'UNEXPECTED_REPLY' }));
  });
}
