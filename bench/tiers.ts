/** What an answer of each tier costs, beside one bare GET and one bare SELECT by primary key. */
import { request as ask } from 'node:http';
import { Agent } from 'node:http';
import { Redis } from 'ioredis';
import { startScene } from './fleet/scene.ts';
import { fillStore } from './fleet/tokens.ts';
import type { Row } from './row.ts';
import type { Endpoint } from './sidecar.ts';
import { bootstrapMedian, median } from './stats.ts';
import { question } from './world.ts';

/** One at a time: what is measured is the way, not the queue. */
export async function benchTiers({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const rounds = quick ? 200 : 2_000;
  const scene = await startScene({ sidecars: 1 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const tokens = await fillStore(scene, 3 * rounds, quick ? 10_000 : 1_000_000);
    const [filler] = scene.sidecars;
    const measured = await scene.start();
    if (filler === undefined) throw new Error('the scene has no sidecar');
    // What the first sidecar read is in the cache for the second one.
    const cached = tokens.slice(0, rounds);
    for (const token of cached) await time(agent, filler.data, token);

    const redis = new Redis(scene.cache);
    const postgres = await scene.postgres.connect(scene.store);
    const { rows } = await postgres.query<{ sha256: string }>('SELECT sha256 FROM tokens LIMIT 1000');
    await redis.set('bare', 'x'.repeat(300));
    const found = {
      warm: [] as number[],
      hit: [] as number[],
      store: [] as number[],
      get: [] as number[],
      select: [] as number[],
    };
    for (const token of tokens.slice(2 * rounds, 2 * rounds + 100)) await time(agent, measured.data, token);
    for (let i = 0; i < rounds; i++) {
      found.get.push(await timed(() => redis.get('bare')));
      found.hit.push(await time(agent, measured.data, cached[i] ?? ''));
      found.warm.push(await time(agent, measured.data, cached[i] ?? ''));
      found.select.push(
        await timed(() =>
          postgres.query({
            name: 'bare',
            text: 'SELECT * FROM tokens WHERE sha256 = $1',
            values: [rows[i % rows.length]?.sha256],
          }),
        ),
      );
      found.store.push(await time(agent, measured.data, tokens[rounds + i] ?? ''));
    }
    redis.disconnect();
    const row = (name: string, values: readonly number[], bare?: readonly number[]): Row => ({
      name: `tiers: ${name}`,
      value: median(values),
      unit: 'ms',
      interval: bootstrapMedian(values),
      ...(bare === undefined ? {} : { ratio: median(values) / median(bare) }),
    });
    return [
      row('bare Redis GET', found.get),
      row('bare SELECT by primary key', found.select),
      row('warm decision over HTTP', found.warm),
      row('Redis hit over HTTP', found.hit, found.get),
      row('store hit over HTTP', found.store, found.select),
    ];
  } finally {
    agent.destroy();
    await scene.stop();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function time(agent: Agent, { host, port }: Endpoint, token: string): Promise<number> {
  return timed(
    () =>
      new Promise<void>((resolve, reject) => {
        const asking = ask({ host, port, path: '/api/auth', headers: question(token), agent }, (response) => {
          response.resume();
          response.on('end', () => {
            if (response.statusCode === 200) resolve();
            else reject(new Error(`the sidecar answered ${String(response.statusCode)}`));
          });
        });
        asking.on('error', reject);
        asking.end();
      }),
  );
}
