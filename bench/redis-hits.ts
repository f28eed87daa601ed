/**
 * What a token that L1 does not know and Redis does costs the process: `node bench/redis-hits.ts`. The look-up alone
 * (key, question, reply guard, opening, freshness, L1), with a real Redis, 50 look-ups under way at once as in
 * `npm run fleet -- scale`. Counted in processor time: wall time moves with the machine.
 */
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { createFreshness } from '../sidecar/caches/freshness.ts';
import { createCache } from '../sidecar/caches/index.ts';
import { createValueSealer } from '../sidecar/caches/sealed-values.ts';
import { createTokenLookup } from '../sidecar/caches/tiered.ts';
import { createTokenL1 } from '../sidecar/caches/token-l1.ts';
import type { Log, TokenRead } from '../sidecar/core/ports.ts';
import { systemClock } from '../sidecar/ops/clock.ts';
import { startRedis } from '../test/support/redis.ts';
import { formatTable } from './row.ts';
import { bootstrapMedian, median } from './stats.ts';

const [tokens, runs, passes, underWay] = [20_000, 5, 5, 50];
const hour = 3_600_000;
const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const redis = await startRedis();
const cache = await createCache(redis.url, { timeoutMs: 5_000 }, { clock: systemClock, log });
const identity = { storeId: 'b2a9a7be-6c1e-4b7a-9a55-0d1c9b8f7e21', epoch: 1, revision: 1, fork: '' };
const l1 = createTokenL1({ maxBytes: 64 * 1024 * 1024 });
const freshness = createFreshness({ maxTouched: 200_000, onOverflow: () => l1.clear() });
freshness.reset(identity.revision);
let hits = 0;
let storeReads = 0;
const lookup = createTokenLookup(
  {
    deadlineMs: 8_000,
    cacheTimeoutMs: 5_000,
    storeTimeoutMs: 5_000,
    concurrency: 64,
    queue: 1_000,
    positiveTtlMs: hour,
    negativeTtlMs: hour,
  },
  {
    l1,
    cache,
    sealer: createValueSealer({ masterKey: new Uint8Array(32), keyVersion: 'k1' }),
    store: {
      async findToken(sha256): Promise<TokenRead> {
        storeReads += 1;
        const id = `tok_${sha256.slice(0, 24)}`;
        const facts = { consumer: 'team-7', owner: 'api' as const, notBeforeMs: 0, expiresAtMs: 4_000_000_000_000 };
        return { asOf: 1, token: { id, sha256, createdAtMs: 0, revision: 1, ...facts } };
      },
    },
    freshness,
    identity: () => identity,
    clock: systemClock,
    observe(tier, outcome) {
      if (tier === 'cache' && outcome === 'hit') hits += 1;
    },
    onRejected: () => undefined,
  },
);
const hashes = Array.from({ length: tokens }, (_, i) => createHash('sha256').update(String(i)).digest('hex'));

async function lookAllUp(): Promise<void> {
  l1.clear();
  let next = 0;
  const asker = async (): Promise<void> => {
    for (let hash = hashes[next++]; hash !== undefined; hash = hashes[next++]) await lookup.find(hash, () => true);
  };
  await Promise.all(Array.from({ length: underWay }, asker));
}

await lookAllUp();
await lookAllUp();
[hits, storeReads] = [0, 0];
const cpu: number[] = [];
const rate: number[] = [];
for (let run = 0; run < runs; run += 1) {
  const [began, before] = [performance.now(), process.cpuUsage()];
  for (let pass = 0; pass < passes; pass += 1) await lookAllUp();
  const { user, system } = process.cpuUsage(before);
  cpu.push((user + system) / (tokens * passes));
  rate.push((tokens * passes) / ((performance.now() - began) / 1_000));
}
if (hits !== tokens * passes * runs || storeReads > 0) throw new Error('not every look-up was answered by Redis');
console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${new Date().toISOString()}`);
console.log(`${runs} runs of ${tokens * passes} look-ups, ${underWay} under way.\n`);
console.log(
  formatTable([
    { name: 'processor time of a look-up', value: median(cpu), unit: 'µs', interval: bootstrapMedian(cpu) },
    { name: 'look-ups', value: median(rate), unit: '1/s' },
  ]),
);
await cache.close();
await redis.stop();
