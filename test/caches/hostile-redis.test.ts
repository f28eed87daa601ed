/** A Redis whose every value somebody else writes, under load: no wrong allow, no crash, and it is counted. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Cache } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createScriptedStore, hashOf, silentLog, type ScriptedStore } from './scripted.ts';
import { createSidecar, outcomeOf, type Sidecar } from './scripted-sidecar.ts';

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

/** The usual 50 ms where the server hangs; long elsewhere, so that a busy machine does not look like a hanging server. */
const patient = 2_000;
const open = (url = redis.url, timeoutMs = patient): Promise<Cache> =>
  createCache(url, { timeoutMs }, { clock: systemClock, log: silentLog });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Tokens `t0`… of which every third is revoked; beyond `known` they do not exist. */
const known = 40;
const expected = (i: number): string => (i >= known ? 'token_unknown' : i % 3 === 0 ? 'revoked' : 'allow');

function fill(store: ScriptedStore): void {
  for (let i = 0; i < known; i += 1) store.put(`t${i}`);
  for (let i = 0; i < known; i += 3) store.revoke(`t${i}`);
}

/** Asks for every token, `rounds` times, all at once, with nothing in L1. */
async function askAll(sidecar: Sidecar, rounds: number, perRound?: () => Promise<unknown>): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    sidecar.l1.clear();
    const asked = Array.from({ length: known + 10 }, (_, i) => sidecar.ask(`t${i}`));
    const [answers] = await Promise.all([Promise.all(asked), perRound?.()]);
    answers.forEach((answer, i) => assert.equal(answer, expected(i), `t${i} in round ${round}`));
  }
}

const count = (sidecar: Sidecar, what: string): number => sidecar.seen.filter((line) => line === what).length;
const roomy = { concurrency: 1_000, queue: 1_000, cacheTimeoutMs: patient, deadlineMs: 10_000 };

async function stored(): Promise<Map<string, string>> {
  const keys = await redis.client.keys(`${redis.keyPrefix}token:*`);
  const values = new Map<string, string>();
  for (const key of keys) values.set(key, (await redis.client.get(key)) ?? '');
  return values;
}

/** A store, a cache that another sidecar filled, and the values of a time when nothing was revoked yet. */
async function setUp(): Promise<{ store: ScriptedStore; cache: Cache; old: Map<string, string> }> {
  await redis.client.del(['none', ...(await redis.client.keys(`${redis.keyPrefix}token:*`))]);
  const store = createScriptedStore();
  const cache = await open();
  const past = createSidecar({ store, cache, clock: systemClock }, roomy);
  for (let i = 0; i < known; i += 1) store.put(`t${i}`);
  await past.follow();
  for (let i = 0; i < known + 10; i += 1) await past.ask(`t${i}`);
  await pause(30);
  const old = await stored();
  assert.equal(old.size, known + 10);
  fill(store);
  return { store, cache, old };
}

const flip = (value: string): string => {
  const bytes = Buffer.from(value, 'base64url');
  const at = Math.floor(Math.random() * bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  return bytes.toString('base64url');
};
const allowEverything = JSON.stringify(['tok_evil', 'team-admin', 0, 9_999_999_999_999, 0]);

const attacks: Readonly<
  Record<string, (values: Map<string, string>, old: Map<string, string>) => Map<string, string>>
> = {
  'swapped between keys'(values) {
    const rotated = [...values.values()];
    rotated.push(rotated.shift() ?? '');
    return new Map([...values.keys()].map((key, i) => [key, rotated[i] ?? '']));
  },
  'one token’s value under every key': (values) =>
    new Map([...values.keys()].map((key) => [key, [...values.values()][1] ?? ''])),
  truncated: (values) =>
    new Map([...values].map(([key, value]) => [key, value.slice(0, Math.floor(Math.random() * value.length))])),
  'bit-flipped': (values) => new Map([...values].map(([key, value]) => [key, flip(value)])),
  'rewritten as JSON': (values) => new Map([...values.keys()].map((key) => [key, allowEverything])),
  'sealed by nobody': (values) =>
    new Map(
      [...values.keys()].map((key) => [key, Buffer.from(`\u0001${allowEverything}`.padEnd(99)).toString('base64url')]),
    ),
  huge: (values) => new Map([...values.keys()].map((key) => [key, 'x'.repeat(200_000)])),
  'replaced by older genuine ones': (_values, old) => old,
};

for (const [how, attack] of Object.entries(attacks)) {
  it(`allows nothing because of values that were ${how}`, async (t) => {
    const { store, cache, old } = await setUp();
    t.after(() => cache.close());
    const honest = createSidecar({ store, cache, clock: systemClock }, roomy);
    await askAll(honest, 1);
    await pause(20);
    const evil = attack(await stored(), old);

    const victim = createSidecar({ store, cache, clock: systemClock }, roomy);
    // A sidecar that has lived through it all: its floor lies before the replayed values.
    victim.freshness.reset(0);
    await victim.follow();
    const tamper = async (): Promise<void> => {
      for (const [key, value] of evil) await redis.client.set(key, value, 'PX', 60_000);
    };
    await tamper();
    await askAll(victim, 6, tamper);
    const noticed = count(victim, 'cache rejected') + count(victim, 'cache stale') + count(victim, 'cache error');
    assert.ok(noticed >= 5, `noticed ${noticed} times`);
    if (how === 'replaced by older genuine ones') assert.ok(count(victim, 'cache stale') > 0);
    else if (how !== 'huge') assert.ok(count(victim, 'cache rejected') > 0);
  });
}

it('holds no token, id or consumer in clear', async (t) => {
  const { cache } = await setUp();
  t.after(() => cache.close());
  for (const [key, value] of await stored()) {
    assert.match(value, /^[A-Za-z0-9_-]{70,400}$/);
    assert.doesNotMatch(Buffer.from(value, 'base64url').toString('latin1'), /tok_|team-/, key);
  }
});

it('answers from the store, within the deadline, while Redis hangs, is flushed, and is gone', async (t) => {
  const own = await startRedis();
  t.after(() => own.stop());
  if (!own.own) {
    t.skip('the server is shared');
    return;
  }
  const store = createScriptedStore();
  fill(store);
  const cache = await open(own.url, 50);
  t.after(() => cache.close());
  const sidecar = createSidecar(
    { store, cache, clock: systemClock },
    { ...roomy, cacheTimeoutMs: 50, deadlineMs: 800 },
  );
  const timed = async (): Promise<number> => {
    const began = performance.now();
    await askAll(sidecar, 1);
    return performance.now() - began;
  };
  await timed();
  await own.client.flushall();
  assert.ok((await timed()) < 500);
  own.pause();
  for (let i = 0; i < 5; i += 1) assert.ok((await timed()) < 500, 'while it hangs');
  own.resume();
  await own.kill();
  for (let i = 0; i < 5; i += 1) assert.ok((await timed()) < 500, 'while it is gone');
  assert.equal(count(sidecar, 'store timeout') + count(sidecar, 'store error'), 0);
  assert.equal(outcomeOf(await sidecar.lookup.find(hashOf('t1'), () => true)), 'allow');
});
