/** The snapshot of 100,000 consumers and 10,000 policies: what building and following it does to the event loop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChangeFollower } from '../sidecar/caches/change-follower.ts';
import { createFreshness } from '../sidecar/caches/freshness.ts';
import { createCache } from '../sidecar/caches/index.ts';
import { createSnapshots } from '../sidecar/compose/snapshots.ts';
import type { Log, Mutation, Store } from '../sidecar/core/ports.ts';
import { Secret } from '../sidecar/core/secret.ts';
import { createKeyring } from '../sidecar/keys/keyring.ts';
import { systemClock as clock } from '../sidecar/ops/clock.ts';
import { createMetrics } from '../sidecar/ops/metrics.ts';
import { createPace } from '../sidecar/snapshot/pace.ts';
import type { SnapshotKeeper } from '../sidecar/snapshot/keeper.ts';
import { openStore } from '../sidecar/stores/index.ts';
import { defaults } from '../test/support/deciding.ts';
import { judge, type Row } from './row.ts';
import { bootstrapMedian, median } from './stats.ts';

const consumers = 100_000;
const policies = 10_000;
const applied = 10_000;
const actor = { name: 'system', action: 'bench' } as const;
const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function benchSnapshot({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'credentialflow-bench-'));
  const store = await openStore(`sqlite:${join(folder, 'store.db')}`, {}, { clock, log: silent });
  const following = await follow(store);
  try {
    const options = { owner: 'api', actor, prune: false, allowPrune: false, dryRun: false } as const;
    await store.apply(resources(), options);
    await following.visible((await store.identity()).revision);
    const rounds = quick ? 3 : 10;
    const scratch = await measure(rounds, () => following.rebuild());
    const one = await measure(quick ? 10 : 50, (round) =>
      following.write([consumer(round * 7, `moved-${String(round)}`)]),
    );
    const rule = await measure(rounds, (round) => following.write([policy(1, [`/moved/${String(round)}`])]));
    const many = await measure(rounds, async (round) => {
      const { revision } = await store.apply([all(applied, (i) => consumer(i, `edition-${String(round)}`))], options);
      await following.visible(revision);
    });
    return [
      ...rows('built from scratch', scratch),
      ...rows('one consumer changed, until it is decided by', one, 100),
      ...rows('one policy changed, of a group that 1,000 name', rule, 100),
      ...rows('10,000 consumers applied, until they are decided by', many),
    ];
  } finally {
    await following.stop();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Following {
  rebuild(): Promise<void>;
  write(mutations: readonly Mutation[]): Promise<void>;
  /** Resolves when decisions are made by this revision. */
  visible(revision: number): Promise<void>;
  stop(): Promise<void>;
}

/** The path of a change as the composition root wires it: log, keeper, swap. */
async function follow(store: Store): Promise<Following> {
  const keyring = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(32)) }]);
  const metrics = createMetrics({ version: 'bench' });
  const { keeper, stop } = createSnapshots({ store, keyring, env: {}, metrics, clock, log: silent });
  const cache = await createCache('memory', { timeoutMs: 50 }, { clock, log: silent });
  const freshness = createFreshness({ maxTouched: 200_000, onOverflow: () => undefined });
  const refresh = (): void => void keeper.refresh().catch(() => undefined);
  const onReset = (): void => {
    keeper.drop();
    refresh();
  };
  const follower = createChangeFollower(
    { pollMs: 500, pageSize: 500 },
    { store, cache, freshness, clock, log: silent, onResourceChanges: refresh, onReset },
  );
  await follower.start();
  await keeper.refresh();
  const visible = (revision: number): Promise<void> => untilRevision(keeper, revision);
  return {
    async rebuild() {
      keeper.drop();
      await keeper.refresh();
    },
    async write(mutations) {
      const { revision } = await store.write(mutations, actor);
      await visible(revision);
    },
    visible,
    async stop() {
      follower.stop();
      stop();
      await cache.close();
    },
  };
}

async function untilRevision(keeper: SnapshotKeeper, revision: number): Promise<void> {
  while ((keeper.current()?.revision ?? 0) < revision) await sleep(1);
}

/** Of each round, milliseconds. */
interface Measured {
  readonly ms: readonly number[];
  /** Longest pause of the loop. */
  readonly pauseMs: readonly number[];
  /** Most processor time of the loop's thread between two turns: what a pause would be if nobody else ran. */
  readonly busyMs: readonly number[];
  /** Longest pause in half a second of as many turns in which nothing is done: what the machine does to anybody. */
  readonly idlePauseMs: readonly number[];
}

/** A timer of 1 ms that fires late has waited for the loop. */
async function measure(rounds: number, work: (round: number) => Promise<void>): Promise<Measured> {
  const ms: number[] = [];
  const pauseMs: number[] = [];
  const busyMs: number[] = [];
  const idlePauseMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const watched = await watchLoop(() => work(round));
    ms.push(performance.now() - began);
    pauseMs.push(watched.pauseMs);
    busyMs.push(watched.busyMs);
    idlePauseMs.push((await watchLoop(() => turnFor(500))).pauseMs);
  }
  return { ms, pauseMs, busyMs, idlePauseMs };
}

async function watchLoop(work: () => Promise<void>): Promise<{ readonly pauseMs: number; readonly busyMs: number }> {
  const longest = { pauseMs: 0, busyMs: 0 };
  let last = { at: performance.now(), cpu: process.threadCpuUsage() };
  const look = (): void => {
    const now = { at: performance.now(), cpu: process.threadCpuUsage() };
    const busyMs = (now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system) / 1_000;
    longest.pauseMs = Math.max(longest.pauseMs, now.at - last.at - 1);
    longest.busyMs = Math.max(longest.busyMs, busyMs);
    last = now;
  };
  const timer = setInterval(look, 1);
  await work();
  look();
  clearInterval(timer);
  return longest;
}

async function turnFor(ms: number): Promise<void> {
  const pace = createPace(clock, 0.5);
  const end = performance.now() + ms;
  while (performance.now() < end) await pace.step();
}

/** Over this the machine itself makes the pauses. */
const noisyMs = 5;
const pauseBound = { at: 'most', limit: 20 } as const;

function rows(name: string, { ms, pauseMs, busyMs, idlePauseMs }: Measured, limitMs?: number): readonly Row[] {
  const time = bootstrapMedian(ms);
  const pause = bootstrapMedian(pauseMs);
  const busy = bootstrapMedian(busyMs);
  const paused = judge(pauseBound, pause);
  const isNoisy = median(idlePauseMs) > noisyMs;
  return [
    {
      name: `snapshot: ${name}`,
      value: median(ms),
      unit: 'ms',
      interval: time,
      ...(limitMs === undefined ? {} : judge({ at: 'most', limit: limitMs }, time)),
    },
    {
      name: 'snapshot: longest pause of the loop meanwhile',
      value: median(pauseMs),
      unit: 'ms',
      interval: pause,
      ...paused,
      ...(isNoisy && paused.ok === false ? { ok: 'inconclusive' } : {}),
    },
    {
      name: 'snapshot: longest turn of the loop in processor time',
      value: median(busyMs),
      unit: 'ms',
      interval: busy,
      ...judge(pauseBound, busy),
    },
  ];
}

function* resources(): Generator<readonly Mutation[], void> {
  yield [
    put('upstream', 'api', { ...defaults.upstream, preset: 'generic' }),
    put('credential', 'api-main', { ...defaults.credential, secret: { from: 'env', name: 'NOT_SET' } }),
  ];
  yield* chunked(policies, (i) => policy(i, [`/v1/area-${String(i % 50)}/*/items`]));
  yield* chunked(consumers, (i) => consumer(i, `group-${String(i % 100)}`));
}

function* chunked(count: number, make: (i: number) => Mutation): Generator<readonly Mutation[], void> {
  for (let from = 0; from < count; from += 1_000) yield all(1_000, (i) => make(from + i));
}

function all(count: number, make: (i: number) => Mutation): readonly Mutation[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function consumer(i: number, group: string): Mutation {
  return put('consumer', `team-${String(i)}`, { groups: [group], labels: { tier: `t${String(i % 5)}` } });
}

/** One in ten is about the one group that they share; of the others each is about a consumer. */
function policy(i: number, paths: readonly string[]): Mutation {
  const whom = i % 10 === 1 ? { groups: ['shared'] } : { consumers: [`team-${String(i)}`] };
  return put('policy', `policy-${String(i)}`, { ...defaults.policy, ...whom, methods: ['POST'], paths });
}

function put(kind: 'upstream' | 'credential' | 'policy' | 'consumer', id: string, spec: object): Mutation {
  return { op: 'put', kind, id, owner: 'api', spec: spec as never };
}
