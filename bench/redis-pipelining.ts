/**
 * Does ioredis' auto-pipelining pay? `node bench/redis-pipelining.ts`: the read of a cached token (GETRANGE of 300 bytes)
 * through our connection and its reply guard: never, always, and as the connection decides by itself, with several numbers
 * of reads under way.
 */
import { cpus } from 'node:os';
import { connectRedis } from '../sidecar/caches/redis-connection.ts';
import { parseRedisUrl } from '../sidecar/caches/redis-url.ts';
import type { Log } from '../sidecar/core/ports.ts';
import { systemClock } from '../sidecar/ops/clock.ts';
import { startRedis } from '../test/support/redis.ts';
import { formatTable, type Row } from './row.ts';
import { bootstrapMedian, median } from './stats.ts';

const [roundsEach, readsEach] = [12, 5_000];

const ways = ['never', 'always', 'ours'] as const;
type Way = (typeof ways)[number];

interface Figures {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

const redis = await startRedis();
const { access, nodes } = parseRedisUrl(redis.url);
const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const connection = connectRedis(
  { access, locate: async () => nodes[0], role: 'values', timeoutMs: 5_000, connectTimeoutMs: 5_000 },
  { clock: systemClock, log, greet: (client) => client.ping() },
);
await connection.tried;
await redis.client.set('value', 'x'.repeat(300));

async function measure(underWay: number, way: Way): Promise<Figures> {
  let left = readsEach;
  const reader = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await connection.run((client) => {
        if (way !== 'ours') client.options.enableAutoPipelining = way === 'always';
        return client.getrange('value', 0, 65_536);
      });
    }
  };
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: underWay }, reader));
  const spent = process.cpuUsage(cpu);
  return {
    perSecond: readsEach / ((performance.now() - began) / 1_000),
    cpuMicroseconds: (spent.user + spent.system) / readsEach,
  };
}

const rows: Row[] = [];
for (const underWay of [1, 8, 32, 64, 256]) {
  const rounds: Record<Way, Figures>[] = [];
  for (const way of ways) await measure(underWay, way);
  for (let round = 0; round < roundsEach; round += 1) {
    const order = ways.map((_, i) => ways[(i + round) % ways.length] ?? 'never');
    const found: Partial<Record<Way, Figures>> = {};
    for (const way of order) found[way] = await measure(underWay, way);
    rounds.push(found as Record<Way, Figures>);
  }
  const figures = [
    ['reads/s', ({ perSecond }: Figures) => perSecond],
    ['µs of CPU a read', ({ cpuMicroseconds }: Figures) => cpuMicroseconds],
  ] as const;
  for (const [unit, of] of figures) {
    for (const way of ways) {
      const ratios = rounds.map((round) => of(round[way]) / of(round.never));
      const value = median(rounds.map((round) => of(round[way])));
      const name = `${underWay} under way, ${way}`;
      rows.push(
        way === 'never'
          ? { name, unit, value }
          : { name, unit, value, ratio: median(ratios), interval: bootstrapMedian(ratios) },
      );
    }
  }
}
console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${new Date().toISOString()}`);
console.log(`Ratio: to never, ${roundsEach} interleaved rounds of ${readsEach} reads.\n`);
console.log(formatTable(rows));
connection.close();
await redis.stop();
