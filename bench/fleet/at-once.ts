/** A limit of requests at once over many sidecars, whose ends the gateway's log tells to another sidecar than decided. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../row.ts';
import type { BenchSidecar } from '../sidecar.ts';
import type { Asker } from './ask.ts';
import { logKey, type Issued, type Scene } from './scene.ts';

export const atOnce = 20;
/** A Redis that takes longer than 10 ms counts as away: a sidecar without a place of its own then lets one through. */
const aheadOfRedis = 1;
/** How long a request takes; milliseconds. */
const requestMs = 20;
const workersEach = 6;

export async function atOnceRows(
  scene: Scene,
  asker: Asker,
  tokens: readonly Issued[],
  forMs: number,
): Promise<readonly Row[]> {
  const { sidecars } = scene;
  const counts = { underWay: 0, highest: 0, allowed: 0, limited: 0, other: 0 };
  const ended: string[][] = sidecars.map(() => []);
  let credential = '';
  let isOver = false;

  async function request(at: number): Promise<boolean> {
    const id = randomBytes(16).toString('hex');
    const sidecar = sidecars[at];
    const token = tokens[at];
    if (sidecar === undefined || token === undefined) return false;
    const answer = await asker.ask(sidecar.data, token.token, { requestId: id });
    if (answer.status !== 200) {
      counts[answer.status === 429 ? 'limited' : 'other'] += 1;
      return false;
    }
    counts.allowed += 1;
    counts.underWay += 1;
    counts.highest = Math.max(counts.highest, counts.underWay);
    credential = answer.credential;
    await sleep(requestMs);
    counts.underWay -= 1;
    ended[(at + 1) % sidecars.length]?.push(id);
    return true;
  }

  async function work(at: number): Promise<void> {
    while (!isOver) if (!(await request(at))) await sleep(requestMs);
  }

  async function tellEnds(): Promise<void> {
    await Promise.all(sidecars.map((sidecar, at) => postEnds(sidecar, ended[at]?.splice(0) ?? [], credential)));
  }

  const telling = setInterval(() => void tellEnds().catch(() => undefined), 50);
  try {
    const workers = sidecars.flatMap((_, at) => Array.from({ length: workersEach }, () => work(at)));
    await sleep(forMs);
    isOver = true;
    await Promise.all(workers);
    const [allowed, highest] = [counts.allowed, counts.highest];
    // The others rest: one sidecar has all of it.
    counts.highest = 0;
    for (let attempt = 0; attempt < 20 && counts.highest < atOnce; attempt++) {
      await sleep(100);
      await Promise.all(Array.from({ length: atOnce + 5 }, () => request(0)));
    }
    const name = `limits: ${String(sidecars.length)} sidecars, ${String(atOnce)} at once`;
    const most = atOnce + sidecars.length * aheadOfRedis;
    return [
      { name: `${name}: allowed in ${String(forMs / 1_000)} s`, value: allowed, unit: 'requests' },
      {
        name: `${name}: most under way`,
        value: highest,
        unit: 'requests',
        bound: `≤ ${String(most)}`,
        ok: highest <= most,
      },
      { name: `${name}: most of one sidecar, the others at rest`, value: counts.highest, unit: 'requests', bound: `≥ ${String(atOnce)}`, ok: counts.highest >= atOnce }, // prettier-ignore
      {
        name: `${name}: neither 200 nor 429`,
        value: counts.other,
        unit: 'requests',
        bound: '= 0',
        ok: counts.other === 0,
      },
    ];
  } finally {
    clearInterval(telling);
  }
}

async function postEnds({ data }: BenchSidecar, ids: readonly string[], credential: string): Promise<void> {
  if (ids.length === 0) return;
  const upstream = { status: '200', response_time: requestMs / 1_000, header_time: 0.001 };
  const entries = ids.map((id) => ({
    ts: String(Date.now() / 1_000),
    request_id: id,
    credential,
    status: 200,
    upstream,
  }));
  const response = await fetch(`http://${data.host}:${String(data.port)}/api/logs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${logKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(entries),
  });
  await response.arrayBuffer();
}
