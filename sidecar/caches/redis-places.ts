import type { HeldPlaces, SharedPlaces } from '../core/ports.ts';
import { cacheFailed } from './kind.ts';
import type { AskRedis } from './redis-counters.ts';

/**
 * KEYS[1]: a hash, holder → "held underWay untilMs". ARGV: holder, life in ms (0: only look), limit, under way,
 * waiting, kept, ahead. By the server's clock. What is no such record, has ended, or claims to last longer than any may, is removed.
 * Answers "held heldByOthers underWayOfOthers".
 */
const holdScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
local underWay, waiting = tonumber(ARGV[4]), tonumber(ARGV[5])
local kept, ahead = tonumber(ARGV[6]), tonumber(ARGV[7])
local others, busy = 0, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    local held, used, till = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
    held, used, till = tonumber(held), tonumber(used), tonumber(till)
    if held and held <= 1000000000 and till > now and till <= now + 60000 then
      others = others + held
      busy = busy + math.min(used, held)
    elseif life > 0 then
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
local left = limit - others - underWay
local held = underWay
if left > 0 then
  waiting = math.min(waiting, left)
  kept = math.min(kept, left - waiting)
  underWay = underWay + waiting
  held = underWay + kept + math.min(ahead, math.floor((left - waiting - kept) / 8))
end
if life > 0 then
  if held > 0 then
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d %d', held, underWay, now + life))
    redis.call('PEXPIRE', KEYS[1], 60000)
  else
    redis.call('HDEL', KEYS[1], ARGV[1])
  end
end
return string.format('%d %d %d', held, others, busy)
`;

/** Places in Redis, each counter's taken from by one script. */
export function createRedisPlaces(
  { prefix }: { readonly prefix: string },
  ask: AskRedis,
): Pick<SharedPlaces, 'hold' | 'look'> {
  const run = async (key: string, args: readonly (number | string)[]): Promise<HeldPlaces> =>
    readHeld(await ask(prefix + key, (client) => client.eval(holdScript, 1, prefix + key, ...args.map(String))));

  return {
    async hold(key, { holder, lifeMs, limit, underWay, waiting, kept, ahead }) {
      const answer = await run(key, [holder, Math.ceil(lifeMs), limit, underWay, waiting, kept, ahead]);
      // Redis is not trusted: what it grants is at most what was asked for.
      return { ...answer, held: Math.min(answer.held, underWay + waiting + kept + ahead) };
    },
    look: async (key, holder) => (await run(key, [holder, 0, 0, 0, 0, 0, 0])).elsewhere,
  };
}

function readHeld(reply: unknown): HeldPlaces {
  const match = typeof reply === 'string' ? /^(\d{1,10}) (\d{1,15}) (\d{1,15})$/.exec(reply) : null;
  const [, held, others, busy] = (match ?? []).map(Number);
  if (held === undefined || others === undefined || busy === undefined) {
    throw cacheFailed('Redis: the places are not ours.');
  }
  return { held, elsewhere: { held: others, underWay: busy } };
}
