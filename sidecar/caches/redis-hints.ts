import type { Cancel } from '../core/ports.ts';
import type { CacheDeps } from './kind.ts';
import { connectRedis, type RedisConnectionOptions } from './redis-connection.ts';

/** The receiving end of hints and of other messages: a connection of its own, made when somebody first listens. */
export interface RedisHints {
  readonly onHint: (listener: (revision: number) => void) => Cancel;
  readonly onMessage: (listener: (message: string) => void) => Cancel;
  /** Undefined: nobody listens. */
  readonly isUp: () => boolean | undefined;
  close(): void;
}

export function createRedisHints(
  options: Omit<RedisConnectionOptions, 'role'> & {
    readonly channels: { readonly hints: string; readonly messages: string };
  },
  deps: CacheDeps,
): RedisHints {
  const { channels } = options;
  const listeners = new Set<(revision: number) => void>();
  const readers = new Set<(message: string) => void>();
  let stop: Cancel | undefined;
  let isUp: () => boolean | undefined = () => undefined;

  function subscribe(): Cancel {
    const connection = connectRedis(
      { ...options, role: 'messages' },
      { ...deps, greet: (client) => client.subscribe(channels.hints, channels.messages) },
    );
    isUp = connection.isUp;
    connection.client.on('message', (channel: string, message: string) => {
      if (channel === channels.messages) for (const read of readers) read(message);
      // Anybody may have written it: a number or nothing, and only a reason to look.
      if (channel !== channels.hints || !/^\d{1,15}$/.test(message)) return;
      for (const listener of listeners) listener(Number(message));
    });
    return connection.close;
  }

  function listen<T>(to: Set<T>, listener: T): Cancel {
    to.add(listener);
    stop ??= subscribe();
    return () => void to.delete(listener);
  }

  return {
    isUp: () => isUp(),
    onHint: (listener) => listen(listeners, listener),
    onMessage: (listener) => listen(readers, listener),
    close() {
      listeners.clear();
      readers.clear();
      stop?.();
      stop = undefined;
    },
  };
}
