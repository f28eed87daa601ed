import { CredentialFlowError } from '../core/error.ts';
import type { Cache } from '../core/ports.ts';
import type { CacheDeps, CacheKind, CacheOptions } from './kind.ts';
import { createMemoryCache } from './memory.ts';
import { createRedisCache } from './redis.ts';

const kinds: ReadonlyMap<string, CacheKind> = new Map([
  ['memory', createMemoryCache],
  ['redis', createRedisCache],
  ['rediss', createRedisCache],
]);

/**
 * The cache that `url` names: `memory`, `redis://…` or `rediss://…`. A server that is away is not an error: the cache
 * is there, fails its calls at once, and connects when it can. Rejects with `config_invalid` for any other url.
 */
export async function createCache(url: string, options: CacheOptions, deps: CacheDeps): Promise<Cache> {
  const create = kinds.get(/^[a-z]+(?=:\/\/|$)/.exec(url)?.[0] ?? '');
  if (create === undefined) {
    // The url may hold a password: it is not repeated.
    throw new CredentialFlowError('config_invalid', 'The cache is one of: memory, redis://…, rediss://….');
  }
  return create(url, options, deps);
}
