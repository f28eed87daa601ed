import { Redis } from 'ioredis';
import type { Cancel } from '../core/ports.ts';
import { maxValueBytes, type CacheDeps } from './kind.ts';
import { reasonOf } from './redis-fault.ts';
import { createReplyGuard } from './redis-reply-guard.ts';
import type { RedisAddress } from './redis-url.ts';

/** One connection that comes back by itself. It is up once the server has answered something on it. */
export interface RedisConnection {
  readonly client: Redis;
  readonly isUp: () => boolean;
  /** Gives the connection up and makes another one. */
  readonly restart: (reason: string) => void;
  /** Resolves when the first attempt has succeeded or failed. */
  readonly tried: Promise<void>;
  close(): void;
}

export interface RedisConnectionOptions {
  readonly address: RedisAddress;
  /** In the log: which of the connections. */
  readonly role: 'values' | 'messages';
  /** Longest wait for one answer, milliseconds. */
  readonly timeoutMs: number;
  /** Longest time for making a connection, milliseconds; nobody waits for it. */
  readonly connectTimeoutMs: number;
}

/** Waits after a failed attempt: 50 ms, doubled up to 5 s, and up to a fifth more so that sidecars do not come in step. */
function backoffMs(attempts: number): number {
  return Math.min(5_000, 50 * 2 ** Math.min(attempts, 10)) * (1 + Math.random() / 5);
}

/** `greet` makes the server answer on each new connection; its rejection is a failed attempt. */
export function connectRedis(
  options: RedisConnectionOptions,
  deps: CacheDeps & { readonly greet: (client: Redis) => Promise<unknown> },
): RedisConnection {
  const { address, role } = options;
  let up = false;
  let attempts = 0;
  let closed = false;
  let told = false;
  let fault = 'connection_closed';
  let stream: Redis['stream'] | undefined;
  let settleTried: Cancel = () => undefined;
  const tried = new Promise<void>((resolve) => {
    settleTried = resolve;
  });

  const client = new Redis({
    host: address.host,
    port: address.port,
    db: address.db,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password.reveal() }),
    ...(address.tls ? { tls: { servername: address.host } } : {}),
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
    retryStrategy: () => (closed ? null : backoffMs(attempts++)),
  });

  client.on('connect', () => {
    stream = client.stream;
    guardReplies(stream, role);
  });
  client.on('ready', () => void greet());
  client.on('error', (error: unknown) => {
    fault = reasonOf(error);
  });
  client.on('close', () => {
    settleTried();
    comeDown();
  });
  client.connect().catch(() => undefined);

  async function greet(): Promise<void> {
    try {
      await deps.greet(client);
    } catch (error) {
      restart(reasonOf(error));
      return;
    }
    up = true;
    told = false;
    attempts = 0;
    fault = 'connection_closed';
    settleTried();
    deps.log.info('cache_connected', { role, host: address.host, port: address.port });
  }

  /** Once for each outage, not once for each attempt. */
  function comeDown(): void {
    if (!closed && (up || !told)) {
      deps.log.warn(up ? 'cache_connection_lost' : 'cache_unreachable', { role, reason: fault });
      told = true;
    }
    up = false;
  }

  function restart(reason: string): void {
    fault = reason;
    comeDown();
    // Not the polite way: a server that hangs would not answer a farewell either.
    stream?.destroy();
  }

  return {
    client,
    isUp: () => up,
    restart,
    tried,
    close() {
      closed = true;
      up = false;
      client.disconnect();
      stream?.destroy();
    },
  };
}

/** Puts the guard between the socket and the client's decoder, which listens there since the socket connected. */
function guardReplies(stream: Redis['stream'], replies: 'values' | 'messages'): void {
  const decoders = stream.listeners('data') as ((chunk: Buffer) => void)[];
  const guard = createReplyGuard({ replies, maxBulkBytes: maxValueBytes + 1 });
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    if (stream.destroyed) return;
    const passed = guard.pass(chunk);
    if (passed !== undefined) for (const decode of decoders) decode.call(stream, passed);
    else stream.destroy(Object.assign(new Error('not a reply of ours'), { code: 'UNEXPECTED_REPLY' }));
  });
}
