import type { RedisConnection, RedisConnectionOptions } from './redis-connection.ts';
import { connectRedis, type RedisConnectionDeps } from './redis-connection.ts';
import { reasonOf } from './redis-fault.ts';

/** Which connection to ask about a key. */
export interface RedisRoutes {
  /** Undefined: nobody is known to have the key. Without a key: any that is up. */
  readonly to: (key?: string) => RedisConnection | undefined;
  /** Told of each error: whom to ask instead, once; `asking`: after the command ASKING. */
  readonly after: (
    error: unknown,
    from: RedisConnection,
  ) => { readonly connection: RedisConnection; readonly asking: boolean } | undefined;
  /** Where a subscriber may connect to. */
  readonly locate: RedisConnectionOptions['locate'];
  readonly isUp: () => boolean;
  /** Why what is not up is not up: reasons of redis-fault.ts. */
  readonly faults: () => readonly string[];
  /** Resolves when the first attempt has succeeded or failed. */
  readonly tried: Promise<void>;
  close(): void;
}

export type RouteOptions = Pick<RedisConnectionOptions, 'access' | 'timeoutMs' | 'connectTimeoutMs'>;
export type RouteDeps = Omit<RedisConnectionDeps, 'onDown'>;

/** One server, wherever it is at the moment. */
export function createSingleRoute(
  options: RouteOptions & Pick<RedisConnectionOptions, 'locate'>,
  deps: RouteDeps,
): RedisRoutes {
  const connection = connectRedis({ ...options, role: 'values' }, deps);
  return {
    to: () => connection,
    after(error, from) {
      // It was the master once. Where somebody knows who is now, the next attempt finds out.
      if (reasonOf(error) === 'READONLY') from.restart('READONLY');
      return undefined;
    },
    locate: options.locate,
    isUp: connection.isUp,
    faults: () => (connection.isUp() ? [] : [connection.fault()]),
    tried: connection.tried,
    close: connection.close,
  };
}
