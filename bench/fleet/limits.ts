/** One limit, many sidecars: what all of them together allow, and what becomes of it when Redis dies in the middle. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../row.ts';
import type { BenchSidecar } from '../sidecar.ts';
import { atOnce, atOnceRows } from './at-once.ts';
import { createAsker, openLoop, type Asker } from './ask.ts';
import { issueToken, startScene, type Issued, type Scene } from './scene.ts';

const limitId = 'teams';
const requests = 1_000;
const window = '1m';
/** What leases that are under way at the end may add. */
const tolerance = 10;

export async function limitRows({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const sidecars = quick ? 3 : 8;
  const offered = quick ? 3_000 : 10_000;
  const perSecond = quick ? 500 : 600;
  return [
    ...(await withLimit(sidecars, async (scene, asker, tokens) => {
      const { allowed, limited, other } = await offer(scene, asker, tokens, offered, perSecond);
      return [
        { name: `limits: ${label(sidecars)}, offered`, value: allowed + limited + other, unit: 'requests' },
        atLeast(`limits: ${label(sidecars)}, allowed`, allowed, requests),
        atMost(`limits: ${label(sidecars)}, allowed at most`, allowed, requests + tolerance),
        {
          name: `limits: ${label(sidecars)}, neither 200 nor 429`,
          value: other,
          unit: 'requests',
          bound: '= 0',
          ok: other === 0,
        },
        ...(await limitAtOnce(scene, asker, tokens, quick)),
      ];
    })),
    ...(await withLimit(sidecars, async (scene, asker, tokens) => {
      // Half of the limit, then Redis dies: each goes on with its share of what was used.
      const before = await offer(scene, asker, tokens, requests / 2, perSecond);
      await scene.redis.kill();
      await sleep(200);
      const after = await offer(scene, asker, tokens, offered / 2, perSecond);
      const allowed = before.allowed + after.allowed;
      const other = before.other + after.other;
      const name = `limits: ${label(sidecars)}, Redis killed at half`;
      return [
        { name: `${name}: allowed before`, value: before.allowed, unit: 'requests' },
        // Shares are as exact as what each heard last: it may be 1/16 of the limit behind.
        atMost(`${name}: allowed in all`, allowed, requests * 1.5),
        atLeast(`${name}: allowed in all, at least`, allowed, requests * 0.5),
        { name: `${name}: neither 200 nor 429`, value: other, unit: 'requests', bound: '= 0', ok: other === 0 },
      ];
    })),
  ];
}

async function withLimit(
  sidecars: number,
  work: (scene: Scene, asker: Asker, tokens: readonly Issued[]) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const scene = await startScene({ sidecars });
  const asker = createAsker();
  try {
    const first = firstOf(scene);
    const tokens: Issued[] = [];
    for (let i = 0; i < sidecars; i++) tokens.push(await issueToken(scene, first, i));
    await putLimit(scene, { requests, window });
    return await work(scene, asker, tokens);
  } finally {
    asker.close();
    await scene.stop();
  }
}

/** In place of the one before, by the same sidecars. */
async function limitAtOnce(
  scene: Scene,
  asker: Asker,
  tokens: readonly Issued[],
  quick: boolean,
): Promise<readonly Row[]> {
  await putLimit(scene, { concurrent: atOnce });
  return atOnceRows(scene, asker, tokens, quick ? 2_000 : 10_000);
}

async function putLimit(scene: Scene, spec: Readonly<Record<string, unknown>>): Promise<void> {
  await scene.admin(firstOf(scene), 'PUT', `/api/v1/limits/${limitId}`, { ...spec, per: ['upstream'] });
  // Until every sidecar has it.
  await sleep(1_500);
}

function firstOf({ sidecars: [first] }: Scene): BenchSidecar {
  if (first === undefined) throw new Error('no sidecar was started');
  return first;
}

async function offer(
  scene: Scene,
  asker: Asker,
  tokens: readonly Issued[],
  count: number,
  perSecond: number,
): Promise<{ readonly allowed: number; readonly limited: number; readonly other: number }> {
  const found = { allowed: 0, limited: 0, other: 0 };
  let asked = 0;
  const traffic = openLoop(perSecond, async (n) => {
    if (asked >= count) return;
    asked++;
    const sidecar = scene.sidecars[n % scene.sidecars.length];
    const token = tokens[n % tokens.length];
    if (sidecar === undefined || token === undefined) return;
    const { status } = await asker.ask(sidecar.data, token.token);
    if (status === 200) found.allowed++;
    else if (status === 429) found.limited++;
    else found.other++;
  });
  while (asked < count) await sleep(20);
  await traffic.stop();
  return found;
}

const label = (sidecars: number): string => `${String(sidecars)} sidecars, ${String(requests)} a minute`;

function atLeast(name: string, value: number, limit: number): Row {
  return { name, value, unit: 'requests', bound: `≥ ${String(limit)}`, ok: value >= limit };
}

function atMost(name: string, value: number, limit: number): Row {
  return { name, value, unit: 'requests', bound: `≤ ${String(limit)}`, ok: value <= limit };
}
