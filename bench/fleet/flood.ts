/** Random well-formed tokens at half of a sidecar's capacity, beside a tenth of it of normal traffic. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLoadClient } from '../load/client.ts';
import { fixedRateCapacity } from '../load/fixed-rate-capacity.ts';
import { judge, type Row } from '../row.ts';
import { bootstrapMedian, median, quantile } from '../stats.ts';
import { question, questionBytes } from '../world.ts';
import { cacheLookups, storeLookups } from './counters.ts';
import { issueToken, startScene } from './scene.ts';
import { createForgery } from './tokens.ts';

const connections = 50;
const forgedTokens = 50_000;

export async function floodRows({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const slices = quick ? 3 : 12;
  const sliceSeconds = quick ? 2 : 5;
  const scene = await startScene({ sidecars: 1 });
  const normalClient = createLoadClient();
  const floodClient = createLoadClient();
  try {
    const [sidecar] = scene.sidecars;
    if (sidecar === undefined) throw new Error('the scene has no sidecar');
    const { token } = await issueToken(scene, sidecar, 0);
    const forge = createForgery();
    const forged = Array.from({ length: forgedTokens }, forge);
    // Takes the same flood in turn: what the machine alone does to the normal traffic, without a queue before it.
    const other = await scene.start();
    const host = `${sidecar.data.host}:${String(sidecar.data.port)}`;
    const good = { ...sidecar.data, request: questionBytes(host, question(token)), connections };
    const bad = {
      ...sidecar.data,
      request: questionBytes(host, question('{token}')),
      tokens: forged,
      connections,
      status: 401,
    };
    await normalClient.run({ ...good, seconds: 2 });
    const capacity = await fixedRateCapacity(normalClient, { ...good, seconds: quick ? 1 : 2 });
    const normal = { ...good, rate: capacity / 10, seconds: sliceSeconds };

    const auditFile = join(scene.home.folder, 'data-0', 'audit', 'decisions.log');
    const before = {
      store: await storeLookups(sidecar),
      cache: await cacheLookups(sidecar),
      audit: sizeOf(auditFile),
      rss: 0,
    };
    const idle: number[] = [];
    const flooded: number[] = [];
    const elsewhere: number[] = [];
    const memory: number[] = [];
    let floodRequests = 0;
    let normalRequests = 0;
    for (let slice = 0; slice < slices; slice++) {
      const alone = await normalClient.run(normal);
      idle.push(quantile(alone.latencies, 0.99));
      const half = { ...bad, rate: capacity / 2, even: true, seconds: sliceSeconds };
      const control = floodClient.run({ ...half, ...other.data });
      elsewhere.push(quantile((await normalClient.run(normal)).latencies, 0.99));
      await control;
      const flood = floodClient.run(half);
      const beside = await normalClient.run(normal);
      floodRequests += (await flood).requests;
      normalRequests += 2 * alone.requests + beside.requests;
      flooded.push(quantile(beside.latencies, 0.99));
      memory.push(sidecar.residentBytes() / 1e6);
    }
    await sleep(1_500);
    const ratios = flooded.map((value, i) => value / (idle[i] ?? NaN));
    const interval = bootstrapMedian(ratios);
    const store = (await storeLookups(sidecar)) - before.store;
    const cache = (await cacheLookups(sidecar)) - before.cache;
    const growth = Math.max(...memory.slice(1)) - (memory[0] ?? 0);
    // What the normal requests wrote is not the flood's.
    const auditBytes = sizeOf(auditFile) - before.audit - normalRequests * 420;
    return [
      { name: 'flood: capacity at a fixed rate', value: capacity, unit: 'req/s' },
      { name: 'flood: forged tokens refused', value: floodRequests, unit: '' },
      { name: 'flood: p99 of normal traffic alone', value: median(idle), unit: 'ms' },
      {
        name: 'flood: p99 of normal traffic beside it',
        value: median(flooded),
        unit: 'ms',
        ratio: median(ratios),
        interval,
        ...judge({ at: 'most', limit: 2 }, interval),
      },
      {
        name: 'flood: p99 of normal traffic, the same flood at another sidecar',
        value: median(elsewhere),
        unit: 'ms',
        ratio: median(elsewhere.map((value, i) => value / (idle[i] ?? NaN))),
      },
      { name: 'flood: look-ups in the store', value: store, unit: '', bound: '= 0', ok: store === 0 },
      { name: 'flood: look-ups in the cache', value: cache, unit: '', bound: '= 0', ok: cache === 0 },
      {
        name: 'flood: resident memory more than after the first slice',
        value: growth,
        unit: 'MB',
        bound: '≤ 20',
        ok: growth <= 20,
      },
      {
        name: 'flood: audit bytes a forged token',
        value: Math.max(0, auditBytes) / floodRequests,
        unit: 'B',
        bound: '≤ 10',
        ok: auditBytes / floodRequests <= 10,
      },
    ];
  } finally {
    normalClient.close();
    floodClient.close();
    await scene.stop();
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
