import { cacheFailed } from './kind.ts';
import type { AskRedis } from './redis-counters.ts';
import type { LockTable } from './shared-locks.ts';

/** KEYS[1]: the lock. ARGV: owner, milliseconds. A script, because the plain command answers nil where it is taken. */
const claimScript = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 'OK' end
return 'NOT_OURS'
`;

const ifOurs = `if redis.call('GETRANGE', KEYS[1], 0, 63) ~= ARGV[1] then return 'NOT_OURS' end`;
const extendScript = `${ifOurs}
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 'OK'
`;
const removeScript = `${ifOurs}
redis.call('DEL', KEYS[1])
return 'OK'
`;

export function createRedisLockTable({ prefix }: { readonly prefix: string }, ask: AskRedis): LockTable {
  async function run(script: string, key: string, ...args: readonly (number | string)[]): Promise<boolean> {
    const place = prefix + key;
    const reply = await ask(place, (client) => client.eval(script, 1, place, ...args));
    if (reply !== 'OK' && reply !== 'NOT_OURS') throw cacheFailed('Redis: the lock is not one of ours.');
    return reply === 'OK';
  }

  return {
    claim: (key, owner, ttlMs) => run(claimScript, key, owner, Math.ceil(ttlMs)),
    extend: (key, owner, ttlMs) => run(extendScript, key, owner, Math.ceil(ttlMs)),
    async remove(key, owner) {
      await run(removeScript, key, owner);
    },
  };
}
