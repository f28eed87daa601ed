/** Eight sidecars of this process, each with a connection of its own to one real Redis, and a limit of 20 at once. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '../../sidecar/caches/index.ts';
import { silentLog } from '../caches/scripted.ts';
import type { CacheLoss, LimitEntry } from '../../sidecar/core/limit.ts';
import type { Cache } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { atOnce, createSidecar, type Sidecar } from './place-fleet.ts';

const most = 20;
const sidecars = 8;
const placeLifeMs = 900;

interface Member extends Sidecar {
  readonly cache: Cache;
}

let redis: TestRedis;
let fleet: readonly Member[] = [];
let tests = 0;
let limit: LimitEntry;
before(async () => {
  redis = await startRedis();
  fleet = await Promise.all(Array.from({ length: sidecars }, (_, i) => start(`s${String(i)}`)));
});
after(async () => {
  await Promise.all(fleet.map(stop));
  await redis.stop();
});
beforeEach(() => {
  limit = newLimit();
});

/** A counter of its own. A machine that is busy must not look like a Redis that is away: it denies then. */
function newLimit(onCacheLoss: CacheLoss = 'deny'): LimitEntry {
  return { ...atOnce(most, onCacheLoss), countedAs: `at-once-${String(++tests)}` };
}

async function start(name: string): Promise<Member> {
  const cache = await createCache(
    redis.url,
    { timeoutMs: 2_000, storeId: 's' },
    { clock: systemClock, log: silentLog },
  );
  const { places } = cache;
  assert.ok(places);
  const isReachable = (): boolean => cache.healthy();
  const member = { cache, ...createSidecar({ name, places, clock: systemClock, placeLifeMs, isReachable }) };
  await until(() => cache.healthy() && cache.report().hints === true, `${name} is connected`);
  return member;
}

async function stop({ limiter, cache }: Member): Promise<void> {
  await limiter.stop();
  await cache.close();
}

const first = (): Member => fleet[0] ?? assert.fail();
const second = (): Member => fleet[1] ?? assert.fail();
const underWay = (): number => fleet.reduce((sum, member) => sum + member.underWay.size, 0);

/** Until it has so many, or is refused more; whatever the machine does in between. */
async function fill(member: Member, wanted: number): Promise<void> {
  await until(
    async () => {
      while (member.underWay.size < wanted && (await member.take(limit)) === undefined);
      return member.underWay.size >= wanted;
    },
    `${String(wanted)} under way`,
  );
}

function endAll(): void {
  for (const member of fleet) for (const id of [...member.underWay]) member.end(id);
}

test('under contention there are never more than the limit under way', async () => {
  let highest = 0;
  let allowed = 0;
  const untilMs = performance.now() + 1_000;
  const ask = async (member: Member): Promise<void> => {
    while (performance.now() < untilMs) {
      if ((await member.take(limit)) === undefined) {
        allowed += 1;
        highest = Math.max(highest, underWay());
        await sleep(Math.random() * 20);
        member.end();
      } else await sleep(Math.random() * 5);
    }
  };
  await Promise.all(fleet.flatMap((member) => Array.from({ length: 6 }, () => ask(member))));
  assert.equal(underWay(), 0);
  assert.ok(highest <= most && highest >= most / 2, String(highest));
  assert.ok(allowed > most, String(allowed));
});

test('one sidecar gets all of it while the others are idle, and a killed one leaves its places to the others', async () => {
  await fill(first(), most);
  assert.ok(await second().take(limit));
  const doomed = await start('doomed');
  endAll();
  await fill(doomed, most);
  // Its process is gone: nothing of it is heard again.
  await doomed.cache.close();
  await fill(second(), most);
  doomed.underWay.clear();
  endAll();
});

test('an end that another sidecar hears of frees the place', async () => {
  await fill(first(), most);
  for (const id of first().underWay) {
    assert.equal(second().limiter.settle(id, undefined), false);
    second().limiter.passOn(id, undefined);
  }
  await until(() => first().ends.taken === most, 'the ends are heard');
  first().underWay.clear();
  await fill(second(), most);
  endAll();
});

test('Redis flushed in the middle: what is under way is held again', { skip: noKill() }, async () => {
  await fill(first(), 12);
  await fill(second(), 8);
  await redis.client.flushall();
  const held = async (): Promise<number> => (await fleet[2]?.cache.places?.look(limitKey(), 'nobody'))?.held ?? 0;
  await until(async () => (await held()) === most, 'all are held again');
  assert.ok(await second().take(limit));
  endAll();
});

test('Redis killed: each goes on with its share, and tells it when Redis is back', { skip: noKill() }, async () => {
  limit = newLimit('local');
  const members = fleet.slice(0, 4);
  for (const member of members) await fill(member, most / 4);
  // Each has heard of the others' with its last renewal.
  await sleep(placeLifeMs / 2);
  const { port } = redis;
  await redis.kill();
  await until(() => members.every(({ cache }) => !cache.healthy()), 'they notice');
  endAll();
  for (const member of members) while ((await member.take(limit)) === undefined);
  const alone = underWay();
  assert.ok(alone >= most / 2 && alone <= most * 2, String(alone));
  for (const member of members) assert.ok(member.outcomes.includes('alone'));
  await redis.stop();
  redis = await startRedis({ port });
  const held = async (): Promise<number> => {
    const look = await fleet[7]?.cache.places?.look(limitKey(), 'nobody').catch(() => undefined);
    return look?.held ?? 0;
  };
  await until(async () => (await held()) === alone, 'what is under way is held');
});

function limitKey(): string {
  return [limit.countedAs, 'team'].join();
}

function noKill(): string | false {
  return process.env['TEST_REDIS_URL'] !== undefined && 'the server is shared';
}
