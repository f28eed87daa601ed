/** What a server says of itself, and what an operator should make of it. Nothing is decided from it. */
export interface RedisFacts {
  readonly version: string;
  /** `redis`, `valkey` … */
  readonly server: string;
  readonly evictionPolicy: string;
  /** 0: no bound. */
  readonly maxMemoryBytes: number;
}

/** From the reply to INFO; undefined where it is none. */
export function readFacts(info: unknown): RedisFacts | undefined {
  if (typeof info !== 'string') return undefined;
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:([A-Za-z0-9._-]{1,40})\\r?$`, 'm').exec(info)?.[1];
  const version = field('redis_version');
  if (version === undefined) return undefined;
  return {
    version: field('valkey_version') ?? version,
    server: field('server_name') ?? 'redis',
    evictionPolicy: field('maxmemory_policy') ?? 'unknown',
    maxMemoryBytes: Number(field('maxmemory') ?? 0),
  };
}

/** ACL users and TLS came with it; older ones are tested by nobody. */
const minimumMajor = 6;

export function notesOn({ version, server, evictionPolicy, maxMemoryBytes }: RedisFacts): readonly string[] {
  const notes: string[] = [];
  if (server === 'redis' && Number(version.split('.')[0]) < minimumMajor) {
    notes.push(`Redis ${version} is too old: use ${minimumMajor}.0 or newer`);
  }
  if (maxMemoryBytes > 0 && evictionPolicy !== 'noeviction') {
    notes.push(
      `evicts when full (${evictionPolicy}): fine for a cache; what is evicted costs one read of the store, or what a limit has counted`,
    );
  }
  if (maxMemoryBytes > 0 && evictionPolicy === 'noeviction') {
    notes.push(
      'refuses writes when full (noeviction): new tokens are then read from the store; allkeys-lfu suits better',
    );
  }
  return notes;
}
