/** How long a revoked token, ours or a JWT, is still allowed anywhere in a fleet, from the moment its revocation is acknowledged. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../row.ts';
import type { BenchSidecar } from '../sidecar.ts';
import { median, quantile } from '../stats.ts';
import { createAsker, openLoop, type Asker } from './ask.ts';
import { startScene, type Scene, type SceneOptions } from './scene.ts';
import { createJwtVictims, opaqueVictim, type Victim } from './victims.ts';

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
/** For so many of our own tokens, one JWT. */
const jwtShare = 3;
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
    const create = await createJwtVictims(scene, at(scene, 0));
    const own = await listOf(revocations, (i) => opaqueVictim(scene, at(scene, i), i));
    const jwts = await listOf(Math.ceil(revocations / jwtShare), create);
    const others = [
      ...(await listOf(50, (i) => opaqueVictim(scene, at(scene, i), i))),
      ...(await listOf(10, (i) => create(revocations + i))),
    ];
    await warm(scene, asker, [...own, ...jwts, ...others]);
    await mode.begin?.(scene);
    await sleep(1_000);
    let asked = 0;
    let failed = 0;
    const traffic = openLoop(backgroundPerSecond, async (n) => {
      const { status } = await asker.ask(at(scene, n).data, others[n % others.length]?.token ?? '');
      asked++;
      if (status !== 200) failed++;
    });
    const lagsOfOwn = await revokeInTurn(scene, asker, own);
    const lagsOfJwts = await revokeInTurn(scene, asker, jwts);
    await traffic.stop();
    const where = `${mode.name}, ${String(sidecars)} sidecars`;
    return [
      ...rowsOf(`revocation, ${where}, ${String(own.length)} tokens`, mode.p99Ms, lagsOfOwn),
      ...rowsOf(`revocation of JWTs, ${where}, ${String(jwts.length)} tokens`, undefined, lagsOfJwts),
      { name: `revocation, ${where}: other questions`, value: asked, unit: '' },
      { name: `revocation, ${where}: of them not allowed`, value: failed, unit: '', bound: '= 0', ok: failed === 0 },
    ];
  } finally {
    asker.close();
    await scene.stop();
  }
}

/** Every sidecar knows every token: one that it does not know is not in question. */
async function warm(scene: Scene, asker: Asker, tokens: readonly Victim[]): Promise<void> {
  for (const { token } of tokens) {
    await Promise.all(
      scene.sidecars.map(async ({ data }) => {
        // The issuer, too, arrives by the change log.
        for (let attempt = 1; (await asker.ask(data, token)).status !== 200; attempt++) {
          if (attempt === 50) throw new Error('a token is not allowed before it is revoked');
          await sleep(100);
        }
      }),
    );
  }
}

/** The longest lag of each, anywhere. */
async function revokeInTurn(scene: Scene, asker: Asker, victims: readonly Victim[]): Promise<readonly number[]> {
  const lags: number[] = [];
  for (const [n, { token, revoke }] of victims.entries()) {
    await revoke(at(scene, n));
    const ackedAt = performance.now();
    const lagOf = await Promise.all(scene.sidecars.map((sidecar) => lastAllowed(asker, sidecar, token, ackedAt)));
    lags.push(Math.max(...lagOf));
  }
  return lags;
}

async function listOf<T>(count: number, create: (i: number) => Promise<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(await create(i));
  return list;
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

function rowsOf(name: string, p99Ms: number | undefined, lags: readonly number[]): readonly Row[] {
  const at99 = quantile(lags, 0.99);
  const longest = Math.max(...lags);
  return [
    { name: `${name}: median`, value: median(lags), unit: 'ms' },
    {
      name: `${name}: p99`,
      value: at99,
      unit: 'ms',
      ...(p99Ms === undefined ? {} : { bound: `≤ ${String(p99Ms)}`, ok: at99 <= p99Ms }),
    },
    { name: `${name}: longest`, value: longest, unit: 'ms', bound: `≤ ${String(maxMs)}`, ok: longest <= maxMs },
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
