import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createHealthBoard } from '../../sidecar/caches/health-board.ts';
import { createMemoryCache } from '../../sidecar/caches/memory.ts';
import { createValueSealer } from '../../sidecar/caches/sealed-values.ts';
import type { HealthBoard } from '../../sidecar/core/health.ts';
import type { Cache, SharedLocks } from '../../sidecar/core/ports.ts';
import { createHealthSharing } from '../../sidecar/health/sharing.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';
import { createHealthWorld, rules, type HealthWorld } from './world.ts';

const masterKey = Buffer.alloc(32, 1);
let clock: FakeClock;
let cache: Cache;
let one: HealthWorld;
let other: HealthWorld;
let rejected: string[];

const boardOf = (key = masterKey, storeId = 'store', over: Pick<Cache, 'get' | 'set'> = cache): HealthBoard =>
  createHealthBoard({
    cache: over,
    sealer: createValueSealer({ masterKey: key, keyVersion: 'k1' }),
    identity: () => ({ storeId, epoch: 1, revision: 5, fork: '' }),
    onRejected: (reason) => rejected.push(reason),
  });

/** Whether `one` has lost its cache, as if it were killed. */
let isCut = false;
function breakable(locks: SharedLocks): SharedLocks {
  const check = (): void => {
    if (isCut) throw new Error('away');
  };
  return {
    async take(name, ttlMs) {
      check();
      const held = await locks.take(name, ttlMs);
      return (
        held && {
          async renew() {
            check();
            return held.renew();
          },
          async release() {
            check();
            await held.release();
          },
        }
      );
    },
  };
}

/** Both saw it die, and probed it for themselves. */
async function dieOnBoth(): Promise<void> {
  await join(one);
  await join(other);
  for (const world of [one, other]) {
    world.answer = { status: 401 };
    world.hear('a', 401);
  }
  await pass(400);
  assert.deepEqual([one.stateOf('a'), other.stateOf('a')], ['dead', 'dead']);
  assert.deepEqual([one.probes.length, other.probes.length], [1, 1]);
}

async function join(world: HealthWorld, board = boardOf()): Promise<void> {
  createHealthSharing({ pollMs: 500 }, { board, monitor: world.monitor, clock });
  await settle();
}
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    clock.advance(100);
    await settle();
  }
}

describe('sidecars that share a cache', () => {
  beforeEach(async () => {
    clock = createFakeClock();
    rejected = [];
    cache = await createMemoryCache('memory', {}, { clock, log: recordingLog() });
    one = await createHealthWorld({}, { clock, locks: breakable(cache.locks) });
    other = await createHealthWorld({}, { clock, locks: cache.locks });
    isCut = false;
  });

  it('know within a second what another one saw, and that it is over', async () => {
    await join(one);
    await join(other);
    one.answer = { status: 401 };
    other.answer = { status: 401 };
    one.hear('a', 401);
    await pass(1_000);
    assert.equal(other.stateOf('a'), 'dead');
    assert.equal(other.monitor.find(other.versionOf('a'))?.firsthand, false);
    assert.equal(other.stateOf('b'), 'unknown');
    one.answer = { status: 200 };
    other.answer = { status: 200 };
    await pass(8_000);
    assert.deepEqual([one.stateOf('a'), other.stateOf('a')], ['ok', 'ok']);
  });

  it('share a pause to its end', async () => {
    await join(one);
    await join(other);
    one.hear('b', 429, { limits: { 'retry-after': '30' } });
    await pass(1_000);
    const until = (world: HealthWorld) => world.monitor.find(world.versionOf('b'))?.untilMs;
    assert.ok(until(one) !== undefined);
    assert.equal(until(other), until(one));
    for (const world of [one, other]) assert.equal(world.stateOf('a'), 'unknown', 'the other key is nowhere cooled');
  });

  it('do not each try what one of them tries', async () => {
    await join(one);
    await join(other);
    one.hear('b', 429);
    await pass(1_000);
    const until = (world: HealthWorld) => world.monitor.find(world.versionOf('b'))?.untilMs ?? 0;
    assert.ok(until(other) > until(one), 'its turn is later');
    await pass(until(one) - clock.now() + 100);
    one.monitor.onGiven(one.versionOf('b'));
    await pass(1_000);
    assert.ok(until(other) > clock.now() + 15_000, 'the trial of the other one counts');
  });

  it('leave it to one of them to look whether a dead one works again', async () => {
    await dieOnBoth();
    await pass(120_000);
    const [looks = 0, does = 0] = [one.probes.length, other.probes.length].sort((a, b) => a - b);
    assert.equal(looks, 1, 'since it died one of them asked nothing');
    assert.ok(does >= 4, String(does));
    for (const world of [one, other]) world.answer = { status: 200 };
    await pass(150_000);
    assert.deepEqual([one.stateOf('a'), other.stateOf('a')], ['ok', 'ok']);
    assert.equal(Math.min(one.probes.length, other.probes.length), 1, 'the other one took its word');
  });

  it('take over from one that is gone', async () => {
    await dieOnBoth();
    await pass(8_000);
    const [prober, heir] = one.probes.length > 1 ? [one, other] : [other, one];
    assert.equal(prober, one, 'it ticks first');
    isCut = true;
    one.monitor.stop();
    await pass(30_000);
    assert.ok(heir.probes.length > 1, 'the other one looks now');
    heir.answer = { status: 200 };
    await pass(60_000);
    assert.equal(heir.stateOf('a'), 'ok');
  });

  it('take over at once from one that stops, and from one that cannot see', async () => {
    await dieOnBoth();
    await pass(8_000);
    // Its way to the provider is gone.
    one.answer = undefined;
    other.answer = { status: 200 };
    await pass(40_000);
    assert.deepEqual([one.stateOf('a'), other.stateOf('a')], ['ok', 'ok']);
    one.hear('b', 401);
    one.answer = { status: 401 };
    await pass(8_000);
    one.monitor.stop();
    await settle();
    assert.ok(await cache.locks.take(`probe:store:${one.versionOf('b')}`, 1_000), 'it is free');
  });

  it('are not kept from looking by one that holds every lock and says nothing', async () => {
    const forged = { take: () => Promise.resolve(undefined) };
    const alone = await createHealthWorld({}, { clock, locks: forged });
    alone.answer = { status: 401 };
    alone.hear('a', 401);
    await pass(1_000);
    assert.equal(alone.stateOf('a'), 'dead');
    alone.answer = { status: 200 };
    await pass(3 * rules.maxProbeMs);
    assert.equal(alone.stateOf('a'), 'ok');
  });

  it('look each for itself where the locks are away', async () => {
    const away = await createHealthWorld({}, { clock, locks: { take: () => Promise.reject(new Error('away')) } });
    away.answer = { status: 401 };
    away.hear('a', 401);
    await pass(1_000);
    away.answer = { status: 200 };
    await pass(8_000);
    assert.equal(away.stateOf('a'), 'ok');
  });

  it('write again what another one’s write at the same time removed', async () => {
    await join(one);
    await join(other);
    one.answer = { status: 401 };
    other.answer = { status: 401 };
    one.hear('a', 401);
    other.hear('b', 401);
    await pass(1_500);
    assert.deepEqual([one.stateOf('b'), other.stateOf('a')], ['dead', 'dead']);
  });

  it('learn each for itself without the cache', async () => {
    const away = { get: () => Promise.reject(new Error('away')), set: () => Promise.reject(new Error('away')) };
    await join(one, boardOf(masterKey, 'store', away));
    one.answer = { status: 401 };
    one.hear('a', 401);
    await pass(1_000);
    assert.equal(one.stateOf('a'), 'dead');
  });

  it('believe nothing that was sealed with another key, for another store, or altered', async () => {
    await join(one, boardOf(Buffer.alloc(32, 2)));
    one.answer = { status: 401 };
    one.hear('a', 401);
    await pass(1_000);
    const key = 'health:store:1:k1';
    const forged = (await cache.get(key)) ?? assert.fail('nothing was written');
    await join(other);
    await pass(600);
    assert.equal(other.stateOf('a'), 'unknown');
    assert.ok(rejected.includes('not_authentic'));
    await boardOf(masterKey, 'another').write(one.monitor.words());
    await cache.set(key, (await cache.get('health:another:1:k1')) ?? assert.fail(), 1_000);
    await pass(600);
    await cache.set(key, `${forged}A`, 1_000);
    await pass(600);
    assert.equal(other.stateOf('a'), 'unknown');
  });

  it('do not listen to a clock that is far ahead', async () => {
    await join(one);
    const atMs = clock.now() + 3_600_000;
    const said = { state: 'dead', sinceMs: atMs, untilMs: 0, needsTrial: false, reason: 'said', atMs } as const;
    await boardOf().write([{ ...said, versionId: one.versionOf('a') }]);
    await pass(1_000);
    assert.equal(one.stateOf('a'), 'unknown');
  });

  it('take an old state that is put back for what it is', async () => {
    await join(one);
    one.answer = { status: 401 };
    one.hear('a', 401);
    await pass(600);
    const key = 'health:store:1:k1';
    const old = (await cache.get(key)) ?? assert.fail();
    one.answer = { status: 200 };
    await pass(8_000);
    assert.equal(one.stateOf('a'), 'ok');
    await cache.set(key, old, 60_000);
    await pass(1_000);
    assert.equal(one.stateOf('a'), 'ok');
  });
});
