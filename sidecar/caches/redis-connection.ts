import type { Redis } from 'ioredis';
import type { Cancel } from '../core/ports.ts';
import { cacheFailed, maxValueBytes, type CacheDeps } from './kind.ts';
import { createRedisClient, type RedisClientOptions } from './redis-client.ts';
import { faultNamed, fixFor, isRefusal, reasonOf } from './redis-fault.ts';
import type { RedisNode } from './redis-node.ts';
import { timedOut, within } from './within.ts';

/** One connection that comes back by itself. It is up once the server has answered something on it. */
export interface RedisConnection {
  readonly client: Redis;
  readonly isUp: () => boolean;
  /** Why it is not up. */
  readonly fault: () => string;
  /** At once, or not at all: rejects while it is not up, or does not keep up. Rejects with what the client says. */
  run<T>(ask: (client: Redis) => Promise<T>): Promise<T>;
  /** Gives the connection up and makes another one. */
  readonly restart: (reason: string) => void;
  /** Resolves when the first attempt has succeeded or failed. */
  readonly tried: Promise<void>;
  close(): void;
}

export interface RedisConnectionOptions extends Pick<
  RedisClientOptions,
  'access' | 'locate' | 'timeoutMs' | 'connectTimeoutMs'
> {
  /** In the log: which of the connections; also which replies may come. */
  readonly role: 'values' | 'messages';
}

export interface RedisConnectionDeps extends CacheDeps {
  /** Makes the server answer on each new connection; its rejection is a failed attempt. */
  readonly greet: (client: Redis) => Promise<unknown>;
  readonly onUp?: (connection: RedisConnection) => void;
  readonly onDown?: () => void;
}

/** How often a connection is asked whether it still lives, and once it was late; milliseconds. */
const [pingMs, pingAgainMs] = [5_000, 250];
/** Commands without an answer yet; beyond it whoever asks is refused at once. */
const maxUnanswered = 1_024;
/** Time-outs in a row after which the connection is taken for dead. */
const maxTimeouts = 4;

/** Waits after a failed attempt: 50 ms, doubled up to 5 s, and up to a fifth more so that sidecars do not come in step. */
export function backoffMs(attempts: number): number {
  return Math.min(5_000, 50 * 2 ** Math.min(attempts, 10)) * (1 + Math.random() / 5);
}

export function connectRedis(options: RedisConnectionOptions, deps: RedisConnectionDeps): RedisConnection {
  const { role } = options;
  let up = false;
  let attempts = 0;
  let closed = false;
  let told = '';
  let fault = 'connecting';
  let at: RedisNode | undefined;
  let unanswered = 0;
  let timeouts = 0;
  let corked = false;
  let settleTried: Cancel = () => undefined;
  const tried = new Promise<void>((resolve) => {
    settleTried = resolve;
  });
  const { client, dropSocket } = createRedisClient({
    ...options,
    async locate() {
      at = await options.locate();
      return at;
    },
    guard: { replies: role, maxBulkBytes: maxValueBytes + 1 },
    retryInMs: () => (closed ? null : backoffMs(attempts++)),
  });

  client.on('ready', () => void greet());
  client.on('error', (error: unknown) => {
    fault = reasonOf(error);
    // The client would go on in another database.
    if (isFailedSelect(error)) restart('NO_SUCH_DATABASE');
  });
  client.on('close', () => {
    settleTried();
    comeDown();
  });
  client.connect().catch(() => undefined);
  let cancelPing = deps.clock.after(pingMs, () => void ping());

  /** Nobody may be asking: a server that hangs must be noticed all the same. */
  async function ping(): Promise<void> {
    const answers = connection.run((to) => to.ping());
    const wasLate = await answers.then(
      () => false,
      () => up,
    );
    if (!closed) cancelPing = deps.clock.after(wasLate ? pingAgainMs : pingMs, () => void ping());
  }

  async function greet(): Promise<void> {
    try {
      await deps.greet(client);
    } catch (error) {
      restart(fault === 'NO_SUCH_DATABASE' ? fault : reasonOf(error));
      return;
    }
    if (closed || client.status !== 'ready') return;
    up = true;
    // From here on each answer has its time by `run`: a timer and a deleted property less for each command.
    delete client.options.commandTimeout;
    told = '';
    attempts = 0;
    timeouts = 0;
    fault = 'connection_closed';
    settleTried();
    deps.log.info('cache_connected', { role, host: at?.host, port: at?.port });
    deps.onUp?.(connection);
  }

  /** Once for each outage and reason, not once for each attempt. */
  function comeDown(): void {
    const wasUp = up;
    up = false;
    client.options.commandTimeout = options.timeoutMs;
    if (closed) return;
    if (wasUp || told === '' || (isRefusal(fault) && told !== fault)) {
      const event = wasUp ? 'cache_connection_lost' : 'cache_unreachable';
      deps.log[isRefusal(fault) ? 'error' : 'warn'](event, { role, reason: fault, fix: fixFor(fault) });
      told = fault;
    }
    if (wasUp) deps.onDown?.();
  }

  function restart(reason: string): void {
    fault = reason;
    comeDown();
    dropSocket();
  }

  function noteTimeout(): Error {
    timeouts += 1;
    if (timeouts >= maxTimeouts) {
      timeouts = 0;
      restart('timeout');
    }
    return faultNamed('timeout');
  }

  /** What one turn of the loop asks goes out in one write: with 50 look-ups under way, a fifth of their cost. */
  function sendTogether(): void {
    if (corked) return;
    const { stream } = client;
    corked = true;
    stream.cork();
    setImmediate(() => {
      corked = false;
      stream.uncork();
    });
  }

  const connection: RedisConnection = {
    client,
    isUp: () => up,
    fault: () => fault,
    restart,
    tried,
    run(ask) {
      if (!up) return Promise.reject(cacheFailed('Redis is not connected.'));
      if (unanswered >= maxUnanswered) return Promise.reject(cacheFailed('Redis does not keep up.'));
      sendTogether();
      unanswered += 1;
      return within(deps.clock, options.timeoutMs, ask(client)).then(
        (answer) => {
          unanswered -= 1;
          if (answer === timedOut) throw noteTimeout();
          timeouts = 0;
          return answer;
        },
        (error: unknown) => {
          unanswered -= 1;
          timeouts = 0;
          throw error;
        },
      );
    },
    close() {
      closed = true;
      up = false;
      cancelPing();
      settleTried();
      client.disconnect();
      dropSocket();
    },
  };
  return connection;
}

function isFailedSelect(error: unknown): boolean {
  if (!(error instanceof Error) || !('command' in error)) return false;
  return error.name === 'ReplyError' && (error.command as { readonly name?: unknown }).name === 'select';
}
