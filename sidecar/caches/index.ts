import { CredentialFlowError } from '../core/error.ts';
import type { Cache } from '../core/ports.ts';
import type { CacheDeps, CacheKind, CacheOptions } from './kind.ts';
import { createMemoryCache } from './memory.ts';
import { parseRedisUrl } from './redis-url.ts';

interface Registered {
  readonly create: CacheKind;
  /** Throws `config_invalid` for a url that says nothing; never repeats it. */
  readonly check: (url: string) => unknown;
}

/** Its client is loaded where it is used: a sidecar with its own memory for a cache does without. */
const redis: Registered = {
  create: async (...args) => (await import('./redis.ts')).createRedisCache(...args),
  check: parseRedisUrl,
};
const kinds: ReadonlyMap<string, Registered> = new Map([
  ['memory', { create: createMemoryCache, check: () => undefined }],
  ['redis', redis],
  ['rediss', redis],
  ['redis-sentinel', redis],
  ['rediss-sentinel', redis],
  ['redis-cluster', redis],
  ['rediss-cluster', redis],
]);

/**
 * The cache that `url` names (docs/operations.md has the forms). A server that is away is not an error: the cache is
 * there, fails its calls at once, and connects when it can. Rejects with `config_invalid` for any other url.
 */
export async function createCache(url: string, options: CacheOptions, deps: CacheDeps): Promise<Cache> {
  return kindOf(url).create(url, options, deps);
}

/** Throws `config_invalid` where {@link createCache} would because of the url itself. */
export function checkCacheUrl(url: string): void {
  kindOf(url).check(url);
}

function kindOf(url: string): Registered {
  const kind = kinds.get(/^[a-z-]+(?=:\/\/|$)/.exec(url)?.[0] ?? '');
  // The url may hold a password: it is not repeated.
  if (kind === undefined) throw new CredentialFlowError('config_invalid', `The cache is one of: memory, redis://….`);
  return kind;
}
