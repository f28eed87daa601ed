/** How long a revoked token is still allowed anywhere in a fleet, from the moment its revocation is acknowledged. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../row.ts';
import type { BenchSidecar } from '../sidecar.ts';
import { median, quantile } from '../stats.ts';
import { createAsker, openLoop, type Asker } from './ask.ts';
import { issueToken, revokeToken, startScene, type Scene, type SceneOptions } from './scene.ts';

interface Mode {
  readonly name: string;
  readonly scene: Omit<SceneOptions, 'sidecars'>;
  readonly p99Ms: number | undefined;
  readonly begin?: (scene: Scene) => Promise<void>;
}

const modes: readonly Mode[] = [
  { name: 'all parts there', scene: {}, p99Ms: 100 },
  { name: 'redis gone', scene: {}, p99Ms: undefined, begin: (scene) => scene.redis.kill() },
  {
    name: 'push messages dropped',
    scene: { storeOptions: 'listen=off', cache: withoutPubSub },
    p99Ms: undefined,
  },
];

/** Promise 3. */
const maxMs = 1_000;
const backgroundPerSecond = 500;
/** Between two questions for a revoked token on one sidecar. */
const probeEveryMs = 10;

export async function revocationRows({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const mode of modes) rows.push(...(await measure(mode, quick ? 3 : 20, quick ? 20 : 200)));
  return rows;
}

async function measure(mode: Mode, sidecars: number, revocations: number): Promise<readonly Row[]> {
  const scene = await startScene({ ...mode.scene, sidecars });
  const asker = createAsker();
  try {
    const tokens: { readonly id: string; readonly token: string }[] = [];
    for (let i = 0; i < revocations + 50; i++) tokens.push(await issueToken(scene, at(scene, i), i));
    const victims = tokens.splice(0, revocations);
    // Warm everywhere: a token that no sidecar knows is not in question.
    for (const { token } of [...victims, ...tokens]) {
      await Promise.all(scene.sidecars.map((sidecar) => asker.ask(sidecar.data, token)));
    }
    await mode.begin?.(scene);
    await sleep(1_000);
    let asked = 0;
    let failed = 0;
    const traffic = openLoop(backgroundPerSecond, async (n) => {
      const { status } = await asker.ask(at(scene, n).data, tokens[n % tokens.length]?.token ?? '');
      asked++;
      if (status !== 200) failed++;
    });
    const lags: number[] = [];
    for (const [n, { id, token }] of victims.entries()) {
      await revokeToken(scene, at(scene, n), id);
      const ackedAt = performance.now();
      const lagOf = await Promise.all(scene.sidecars.map((sidecar) => lastAllowed(asker, sidecar, token, ackedAt)));
      lags.push(Math.max(...lagOf));
    }
    await traffic.stop();
    return rowsOf(mode, sidecars, lags, asked, failed);
  } finally {
    asker.close();
    await scene.stop();
  }
}

/** Milliseconds after the acknowledgement at which the last question that was allowed was asked; 0: none was. */
async function lastAllowed(asker: Asker, sidecar: BenchSidecar, token: string, ackedAt: number): Promise<number> {
  let last = 0;
  for (;;) {
    const askedAt = performance.now();
    const { status } = await asker.ask(sidecar.data, token);
    if (status === 401) return last;
    if (status === 200) last = askedAt - ackedAt;
    if (askedAt - ackedAt > 10 * maxMs) return Infinity;
    await sleep(probeEveryMs);
  }
}

function rowsOf(mode: Mode, sidecars: number, lags: readonly number[], asked: number, failed: number): readonly Row[] {
  const name = `revocation, ${mode.name}, ${String(sidecars)} sidecars, ${String(lags.length)} tokens`;
  const at99 = quantile(lags, 0.99);
  const longest = Math.max(...lags);
  return [
    { name: `${name}: median`, value: median(lags), unit: 'ms' },
    {
      name: `${name}: p99`,
      value: at99,
      unit: 'ms',
      ...(mode.p99Ms === undefined ? {} : { bound: `≤ ${String(mode.p99Ms)}`, ok: at99 <= mode.p99Ms }),
    },
    { name: `${name}: longest`, value: longest, unit: 'ms', bound: `≤ ${String(maxMs)}`, ok: longest <= maxMs },
    { name: `${name}: other questions`, value: asked, unit: '' },
    { name: `${name}: of them not allowed`, value: failed, unit: '', bound: '= 0', ok: failed === 0 },
  ];
}

/** A user of the same Redis who may read and write, but neither publish nor subscribe: every push is lost. */
async function withoutPubSub(redis: Scene['redis']): Promise<string> {
  const password = randomUUID();
  await redis.client.call('ACL', 'SETUSER', 'quiet', 'on', `>${password}`, '~*', '+@all', '-@pubsub');
  return `redis://quiet:${password}@${redis.host}:${String(redis.port)}`;
}

function at(scene: Scene, n: number): BenchSidecar {
  const sidecar = scene.sidecars[n % scene.sidecars.length];
  if (sidecar === undefined) throw new Error('the scene has no sidecar');
  return sidecar;
}
