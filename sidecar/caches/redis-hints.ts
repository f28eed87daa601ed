import type { Cancel } from '../core/ports.ts';
import type { CacheDeps } from './kind.ts';
import { connectRedis, type RedisConnectionOptions } from './redis-connection.ts';

/** The receiving end of hints: a connection of its own, made when somebody first listens. */
export interface RedisHints {
  readonly onHint: (listener: (revision: number) => void) => Cancel;
  /** Undefined: nobody listens. */
  readonly isUp: () => boolean | undefined;
  close(): void;
}

export function createRedisHints(
  options: Omit<RedisConnectionOptions, 'role'> & { readonly channel: string },
  deps: CacheDeps,
): RedisHints {
  const listeners = new Set<(revision: number) => void>();
  let stop: Cancel | undefined;
  let isUp: () => boolean | undefined = () => undefined;

  function subscribe(): Cancel {
    const connection = connectRedis(
      { ...options, role: 'messages' },
      { ...deps, greet: (client) => client.subscribe(options.channel) },
    );
    isUp = connection.isUp;
    connection.client.on('message', (channel: string, message: string) => {
      // Anybody may have written it: a number or nothing, and only a reason to look.
      if (channel !== options.channel || !/^\d{1,15}$/.test(message)) return;
      for (const listener of listeners) listener(Number(message));
    });
    return connection.close;
  }

  return {
    isUp: () => isUp(),
    onHint(listener) {
      listeners.add(listener);
      stop ??= subscribe();
      return () => void listeners.delete(listener);
    },
    close() {
      listeners.clear();
      stop?.();
      stop = undefined;
    },
  };
}
