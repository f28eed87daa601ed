/** A million tokens in the store, and a sidecar that knows none of them. */
import { createLoadClient, type LoadClient } from '../load/client.ts';
import { judge, type Row } from '../row.ts';
import type { BenchSidecar } from '../sidecar.ts';
import { bootstrapMedian, median } from '../stats.ts';
import { question, questionBytes } from '../world.ts';
import { storeLookups } from './counters.ts';
import { startScene } from './scene.ts';
import { fillStore, zipf } from './tokens.ts';

const connections = 50;
const longest = 120;

export async function scaleRows({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const asked = quick ? 10_000 : 100_000;
  const scene = await startScene({ sidecars: 1 });
  const client = createLoadClient();
  try {
    const tokens = await fillStore(scene, asked, quick ? 90_000 : 900_000);
    const run = (sidecar: BenchSidecar, some: readonly string[]): Promise<number> => ask(client, sidecar, some);

    // Cold, with the traffic of a real fleet: few tokens ask often, many seldom.
    const cold = await scene.start();
    const picks = zipf(asked, 2 * asked).map((i) => tokens[i] ?? '');
    const distinct = new Set(picks).size;
    const coldRate = await run(cold, picks);
    const lookups = await storeLookups(cold);

    // Every token once, so that the cache knows them all; then another cold sidecar, chunk by chunk: cache, then warm.
    await run(cold, tokens);
    const other = await scene.start();
    const hits: number[] = [];
    const warm: number[] = [];
    const chunk = Math.ceil(tokens.length / 20);
    for (let at = 0; at < tokens.length; at += chunk) {
      const some = tokens.slice(at, at + chunk);
      hits.push(await run(other, some));
      warm.push(await run(other, some));
    }
    const fromStore = await storeLookups(other);
    const ratios = hits.map((rate, i) => rate / (warm[i] ?? NaN));
    const interval = bootstrapMedian(ratios);
    const megabytes = other.residentBytes() / 1e6;
    return [
      { name: 'scale: tokens in the store', value: quick ? 100_000 : 1_000_000, unit: '' },
      { name: 'scale: cold, Zipf traffic', value: coldRate, unit: 'req/s' },
      { name: 'scale: different tokens asked for', value: distinct, unit: '' },
      {
        name: 'scale: store look-ups for them',
        value: lookups,
        unit: '',
        ratio: lookups / distinct,
        bound: '≤ 1.01',
        ok: lookups <= 1.01 * distinct,
      },
      { name: 'scale: warm path', value: median(warm), unit: 'req/s' },
      {
        name: 'scale: cache-hit path',
        value: median(hits),
        unit: 'req/s',
        ratio: median(ratios),
        interval,
        ...judge({ at: 'least', limit: 0.5 }, interval),
      },
      { name: 'scale: store look-ups of that sidecar', value: fromStore, unit: '' },
      {
        name: 'scale: resident memory, all tokens known',
        value: megabytes,
        unit: 'MB',
        bound: '≤ 250',
        ok: megabytes <= 250,
      },
    ];
  } finally {
    client.close();
    await scene.stop();
  }
}

/** Each of these tokens once, on 50 connections; requests a second. */
async function ask(client: LoadClient, { data }: BenchSidecar, tokens: readonly string[]): Promise<number> {
  const request = questionBytes(`${data.host}:${String(data.port)}`, question('{token}'));
  const result = await client.run({
    ...data,
    request,
    tokens,
    limit: tokens.length,
    connections,
    seconds: longest,
  });
  if (result.requests < tokens.length)
    throw new Error(`only ${String(result.requests)} requests in ${String(longest)} s`);
  return result.requests / result.seconds;
}
