import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Cache } from '../../sidecar/core/ports.ts';
import { hashOf, storeIsAway } from './scripted.ts';
import { createSidecar, createWorld } from './scripted-sidecar.ts';

const genuine = (): boolean => true;
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('asks L1, then the cache, then the store, and answers from L1 from then on, at once', async () => {
  const world = await createWorld();
  world.store.put('a');
  const sidecar = createSidecar(world);
  assert.equal(await sidecar.ask('a'), 'allow');
  assert.deepEqual(sidecar.seen, ['l1 miss', 'cache miss', 'store hit']);
  const answer = sidecar.lookup.find(hashOf('a'), () => assert.fail('a warm token needs no proof'));
  assert.deepEqual(answer, {
    tokenId: 'tok_a',
    consumerId: 'team-a',
    notBeforeMs: 0,
    expiresAtMs: 4_000_000_000_000,
    revokedAtMs: 0,
  });
  assert.equal(sidecar.lookup.find(hashOf('a'), genuine), answer, 'no new object for a hit');
  assert.deepEqual(sidecar.seen.slice(3), ['l1 hit', 'l1 hit']);
});

it('finds in the shared cache what another sidecar read, tokens and their absence', async () => {
  const world = await createWorld();
  world.store.put('a');
  const [here, there] = [createSidecar(world), createSidecar(world)];
  await here.ask('a');
  await here.ask('nobody');
  await settle();
  assert.equal(await there.ask('a'), 'allow');
  assert.equal(await there.ask('nobody'), 'token_unknown');
  assert.deepEqual(there.seen, ['l1 miss', 'cache hit', 'l1 miss', 'cache negative']);
  assert.equal(world.store.asked.tokens, 2);
  assert.equal(await there.ask('nobody'), 'token_unknown');
  assert.equal(there.seen.at(-1), 'l1 negative');
});

it('asks nobody about a token that we cannot have issued', async () => {
  const world = await createWorld();
  const sidecar = createSidecar(world);
  assert.equal(await sidecar.ask('forged', () => false), 'token_unknown');
  assert.deepEqual(sidecar.seen, ['l1 rejected']);
  assert.equal(world.store.asked.tokens, 0);
  assert.equal(sidecar.l1.size().entries, 0);
});

it('asks once for many who come at the same time', async () => {
  const world = await createWorld();
  world.store.put('a');
  const sidecar = createSidecar(world);
  const answers = await Promise.all(Array.from({ length: 50 }, () => sidecar.ask('a')));
  assert.ok(answers.every((answer) => answer === 'allow'));
  assert.equal(world.store.asked.tokens, 1);
});

it('refuses a revoked token once the change is applied, wherever it was cached', async () => {
  const world = await createWorld();
  world.store.put('a');
  const [here, there] = [createSidecar(world), createSidecar(world)];
  await here.ask('a');
  await settle();
  world.store.revoke('a');
  assert.equal(await here.ask('a'), 'allow', 'not known yet');
  await here.follow();
  assert.equal(await here.ask('a'), 'revoked');
  await there.follow();
  assert.equal(await there.ask('a'), 'revoked');
});

it('takes a replayed older value of the cache for a miss', async () => {
  const world = await createWorld();
  world.store.put('a');
  const sidecar = createSidecar(world);
  const values = new Map<string, string>();
  const replaying: Cache = {
    ...world.cache,
    set: (key, value) => (values.has(key) ? Promise.resolve() : (values.set(key, value), Promise.resolve())),
    get: (key) => Promise.resolve(values.get(key)),
  };
  const victim = createSidecar({ ...world, cache: replaying });
  await victim.ask('a');
  world.store.revoke('a');
  await Promise.all([victim.follow(), sidecar.follow()]);
  assert.equal(await victim.ask('a'), 'revoked');
  assert.deepEqual(victim.seen.slice(-3), ['l1 stale', 'cache stale', 'store hit']);
});

it('finds a token that is issued after it was asked for', async () => {
  const world = await createWorld();
  const sidecar = createSidecar(world);
  assert.equal(await sidecar.ask('new'), 'token_unknown');
  world.store.put('new');
  assert.equal(await sidecar.ask('new'), 'token_unknown');
  await sidecar.follow();
  assert.equal(await sidecar.ask('new'), 'allow');
});

it('reads again when the token changed while it was read, and knows nothing when that happens twice', async () => {
  const world = await createWorld();
  world.store.put('a');
  const sidecar = createSidecar(world);
  let overtakes = 0;
  /** The read sees the token as it was; then it changes, and the change is applied before the read arrives. */
  async function overtake<T>(answer: () => T): Promise<T> {
    const read = answer();
    if (overtakes === 0) return read;
    overtakes -= 1;
    world.store.through = undefined;
    world.store.revoke('a');
    await sidecar.follow();
    world.store.through = overtake;
    return read;
  }
  world.store.through = overtake;
  overtakes = 1;
  assert.equal(await sidecar.ask('a'), 'revoked');
  assert.deepEqual(sidecar.seen.slice(-3), ['store hit', 'store stale', 'store hit']);
  world.store.put('a');
  await sidecar.follow();
  overtakes = 2;
  assert.equal(await sidecar.ask('a'), 'store_unavailable');
  assert.equal(await sidecar.ask('a'), 'revoked');
});

it('uses nothing that was read before a reset, though its revision looks newer', async () => {
  const world = await createWorld();
  for (const name of ['a', 'x', 'y', 'z']) world.store.put(name);
  const sidecar = createSidecar(world);
  await sidecar.ask('a');
  world.store.revoke('a');
  let release: () => void = () => undefined;
  world.store.through = async (answer) => {
    const read = answer();
    await new Promise<void>((resolve) => (release = resolve));
    return read;
  };
  const slow = sidecar.ask('x');
  await settle();
  world.store.through = undefined;
  sidecar.freshness.reset(2);
  sidecar.identity = { storeId: 'store', epoch: 2, revision: 2, fork: '' };
  const asked = world.store.asked.tokens;
  release();
  assert.equal(await slow, 'allow');
  assert.equal(world.store.asked.tokens, asked + 1, 'read anew');
  assert.equal(await sidecar.ask('a'), 'revoked', 'neither L1 nor the cache of the old epoch counts');
});

it('goes on without a cache that fails, hangs or lies, and stops asking it', async () => {
  for (const get of [
    () => Promise.reject(new Error('away')),
    () => never<string>(),
    () => Promise.resolve('not sealed'),
  ]) {
    const world = await createWorld();
    let asked = 0;
    let written = 0;
    const cache: Cache = {
      ...world.cache,
      get: () => {
        asked += 1;
        return get();
      },
      set: async () => void (written += 1),
    };
    const sidecar = createSidecar({ ...world, cache });
    for (let i = 0; i < 20; i += 1) {
      world.store.put(`t${i}`);
      await sidecar.follow();
      const answer = sidecar.ask(`t${i}`);
      await settle();
      world.clock.advance(50);
      assert.equal(await answer, 'allow');
    }
    assert.ok(asked <= 6, `asked ${asked} times`);
    assert.ok(written <= 6, 'what was not read is not written');
    world.clock.advance(1_000);
    await sidecar.follow();
    const before = asked;
    world.store.put('later');
    const answer = sidecar.ask('later');
    await settle();
    world.clock.advance(50);
    await answer;
    assert.equal(asked, before + 1, 'asked again after a while');
  }
});

it('says that it does not know when the store fails or hangs, and then says so at once', async () => {
  for (const through of [storeIsAway, never] as const) {
    const world = await createWorld();
    world.store.put('warm');
    const sidecar = createSidecar(world);
    await sidecar.ask('warm');
    world.store.through = through;
    for (let i = 0; i < 5; i += 1) {
      const answer = sidecar.ask(`t${i}`);
      await settle();
      world.clock.advance(400);
      assert.equal(await answer, 'store_unavailable');
    }
    const asked = world.store.asked.tokens;
    assert.equal(await sidecar.ask('another'), 'store_unavailable', 'without waiting');
    assert.equal(world.store.asked.tokens, asked);
    assert.equal(await sidecar.ask('warm'), 'allow');
    world.store.through = undefined;
    world.clock.advance(1_000);
    assert.equal(await sidecar.ask('t0'), 'token_unknown');
    assert.equal(await sidecar.ask('t1'), 'token_unknown');
  }
});

it('does not keep a fault: the next one asks again', async () => {
  const world = await createWorld();
  world.store.put('a');
  const sidecar = createSidecar(world);
  world.store.through = storeIsAway;
  assert.equal(await sidecar.ask('a'), 'store_unavailable');
  world.store.through = undefined;
  assert.equal(await sidecar.ask('a'), 'allow');
});

it('lets so many look-ups run and so many wait; one more is told at once', async () => {
  const world = await createWorld();
  const sidecar = createSidecar(world, { concurrency: 2, queue: 1 });
  world.store.through = () => never();
  const running = [sidecar.ask('a'), sidecar.ask('b'), sidecar.ask('c')];
  const answer = sidecar.lookup.find(hashOf('d'), genuine);
  assert.ok(!(answer instanceof Promise) && 'deny' in answer);
  assert.deepEqual(answer, { deny: 'overloaded', retryAfterMs: 1_000 });
  await settle();
  world.clock.advance(400);
  assert.deepEqual(await Promise.all(running.slice(0, 2)), ['store_unavailable', 'store_unavailable']);
  await settle();
  world.clock.advance(400);
  assert.equal(await running[2], 'store_unavailable');
});

it('gives up at the deadline, the wait in the queue included', async () => {
  const world = await createWorld();
  const sidecar = createSidecar(world, { concurrency: 1, queue: 5, storeTimeoutMs: 600 });
  world.store.through = () => never();
  const answers = [sidecar.ask('a'), sidecar.ask('b'), sidecar.ask('c')];
  for (let i = 0; i < 4; i += 1) {
    await settle();
    world.clock.advance(200);
  }
  assert.deepEqual(await Promise.all(answers), ['store_unavailable', 'deadline_exceeded', 'deadline_exceeded']);
});

it('says how each step does, and why a value of the cache was not believed', async () => {
  const world = await createWorld();
  world.store.put('a');
  let value = 'not sealed';
  const cache: Cache = { ...world.cache, get: () => Promise.resolve(value) };
  const sidecar = createSidecar({ ...world, cache });
  assert.deepEqual(sidecar.lookup.breakers(), { cache: 'closed', store: 'closed' });
  await sidecar.ask('a');
  value = Buffer.of(1, ...Buffer.alloc(98)).toString('base64url');
  await sidecar.ask('b');
  assert.deepEqual(sidecar.rejected, ['malformed', 'not_authentic']);
  for (let i = 0; i < 5; i += 1) await sidecar.ask(`c${i}`);
  assert.equal(sidecar.lookup.breakers().cache, 'open');
  world.clock.advance(1_000);
  assert.deepEqual(sidecar.lookup.breakers(), { cache: 'half_open', store: 'closed' });
});

it('lets what was cached together run out one after the other, never late', async () => {
  const world = await createWorld();
  const lives: number[] = [];
  const cache: Cache = { ...world.cache, set: async (_key, _value, ttlMs) => void lives.push(ttlMs) };
  const sidecar = createSidecar({ ...world, cache }, { concurrency: 100 });
  for (let i = 0; i < 40; i += 1) world.store.put(`t${i}`);
  await sidecar.follow();
  for (let i = 0; i < 80; i += 1) await sidecar.ask(`t${i}`);
  const [positive, negative] = [lives.slice(0, 40), lives.slice(40)];
  assert.ok(positive.every((ttlMs) => ttlMs > 48_000 - 1 && ttlMs <= 60_000));
  assert.ok(negative.every((ttlMs) => ttlMs > 8_000 - 1 && ttlMs <= 10_000));
  assert.ok(Math.max(...positive) - Math.min(...positive) > 3_000);
});

it('says when to come back, whatever could not be known', async () => {
  const world = await createWorld();
  const sidecar = createSidecar(world, { concurrency: 1, queue: 1 });
  world.store.through = () => never();
  const asked = ['a', 'b', 'c'].map((name) => Promise.resolve(sidecar.lookup.find(hashOf(name), genuine)));
  for (let i = 0; i < 3; i += 1) {
    await settle();
    world.clock.advance(400);
  }
  for (const answer of await Promise.all(asked)) {
    assert.ok('deny' in answer);
    assert.notEqual(answer.deny, 'token_unknown');
    assert.ok((answer.retryAfterMs ?? 0) >= 1_000);
  }
});

it('does not grow, and asks the store once each, in a flood of genuine tokens that are gone', async () => {
  const world = await createWorld();
  const sidecar = createSidecar(world);
  for (let i = 0; i < 3_000; i += 1) await sidecar.ask(`gone${i}`);
  for (let i = 0; i < 3_000; i += 1) await sidecar.ask('gone2999');
  assert.equal(world.store.asked.tokens, 3_000);
  assert.ok(sidecar.l1.size().bytes <= 1_000_000 / 16, String(sidecar.l1.size().bytes));
  // Those that L1 let go come from the cache.
  for (let i = 0; i < 100; i += 1) await sidecar.ask(`gone${i}`);
  assert.equal(world.store.asked.tokens, 3_000);
});
