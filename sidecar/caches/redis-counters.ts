import type { Redis } from 'ioredis';
import { slotMsOf, slotsPerWindow } from '../core/limit.ts';
import type { Lease, SharedCounters } from '../core/ports.ts';
import { cacheFailed } from './kind.ts';

/**
 * KEYS[1]: a hash, slot → units, and p:<asker> → its last serial and answer. ARGV: slot length in ms, slots, limit, units
 * wanted, units spent, asker, serial.
 * By the server's clock: those of the sidecars may differ. A lease takes an eighth of what is left at most, so that the
 * last units reach whoever asks for them. Answers "granted used retryAfterMs slot".
 */
const leaseScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slotMs, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, wanted, spent = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local slot = math.floor(now / slotMs)
local mine = 'p:' .. ARGV[6]
local last = redis.call('HGET', KEYS[1], mine)
if last then
  local serial, answer = string.match(last, '^(%d+) (.+)$')
  if serial == ARGV[7] then return answer end
end
local used, oldest = 0, slot
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  local at, units = tonumber(held[i]), tonumber(held[i + 1])
  if string.sub(held[i], 1, 2) == 'p:' then
    at, units = tonumber(string.match(held[i + 1], '(%d+)$')), 0
  end
  if at == nil or units == nil or at < slot - slots or at > slot then
    redis.call('HDEL', KEYS[1], held[i])
  elseif units > 0 then
    used = used + units
    if at < oldest then oldest = at end
  end
end
local granted = 0
if used + spent < limit then
  granted = math.min(wanted, math.max(1, math.floor((limit - used - spent) / 8)))
end
if granted + spent > 0 then redis.call('HINCRBY', KEYS[1], slot, granted + spent) end
redis.call('PEXPIRE', KEYS[1], (slots + 2) * slotMs)
local retry = 0
if granted == 0 then retry = (oldest + slots + 1) * slotMs - now end
local answer = string.format('%d %d %d %d', granted, math.min(used + spent + granted, 999999999999999), retry, slot)
redis.call('HSET', KEYS[1], mine, ARGV[7] .. ' ' .. answer)
return answer
`;

/** KEYS[1]: the hash. ARGV: slot, units. Only what is still there: the slot may have left, or the key. */
const giveBackScript = `
local units = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if units > 0 then redis.call('HINCRBY', KEYS[1], ARGV[1], -math.min(units, tonumber(ARGV[2]))) end
return 'OK'
`;

/** Runs a command where the key lives. */
export type AskRedis = <T>(key: string, run: (client: Redis) => Promise<T>) => Promise<T>;

/** Sliding windows in Redis, each taken from by one script: nobody sees half of a change. */
export function createRedisCounters({ prefix }: { readonly prefix: string }, ask: AskRedis): SharedCounters {
  const run = (script: string, key: string, args: readonly (number | string)[]): Promise<unknown> =>
    ask(prefix + key, (client) => client.eval(script, 1, prefix + key, ...args.map(String)));

  return {
    async lease(key, { limit, windowMs, units, spent, asker, serial }) {
      const slotMs = slotMsOf(windowMs);
      // What was leased in one slot may be used in the next, so it counts for one more.
      const args = [slotMs, slotsPerWindow + 1, limit, units, spent, asker, serial];
      return readLease(await run(leaseScript, key, args), units);
    },
    async giveBack(key, slot, units) {
      await run(giveBackScript, key, [slot, units]);
    },
  };
}

/** Redis is not trusted: what it grants is at most what was asked for. */
function readLease(reply: unknown, wanted: number): Lease {
  const match = typeof reply === 'string' ? /^(\d{1,9}) (\d{1,15}) (-?\d{1,12}) (\d{1,15})$/.exec(reply) : null;
  const [, granted, used, retryAfterMs, slot] = (match ?? []).map(Number);
  if (granted === undefined || used === undefined || retryAfterMs === undefined || slot === undefined) {
    throw cacheFailed('Redis: the counter is not one of ours.');
  }
  return { granted: Math.min(granted, wanted), used, retryAfterMs: Math.max(1, retryAfterMs), slot };
}
