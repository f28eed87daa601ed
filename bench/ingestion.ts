/** The gateway's log at 20,000 entries a second beside decisions at half of capacity: what these feel of it, and what is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from './cpu.ts';
import { readMetric } from './fleet/counters.ts';
import { createLoadClient } from './load/client.ts';
import { fixedRateCapacity } from './load/fixed-rate-capacity.ts';
import type { LogResult } from './load/log-messages.ts';
import { createLogSender } from './load/log-sender.ts';
import { judge, unlessNoisy, type Row } from './row.ts';
import { cli, createHome, startSidecar, type BenchSidecar } from './sidecar.ts';
import { bootstrapMedian, median, quantile } from './stats.ts';
import { consumerId, question, questionBytes, upstreamId, writeResources } from './world.ts';

const connections = 50;
const entriesPerSecond = 20_000;
const maxGrowthMb = 60;
export const logKey = 'cfl_bench0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export async function benchIngestion({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const pairs = quick ? 3 : 10;
  const seconds = quick ? 2 : 5;
  const home = createHome(writeResources({ consumers: 100, policies: 100 }));
  const sidecar = await startSidecar(home, { env: { CREDENTIALFLOW_LOG_KEY: logKey } });
  const client = createLoadClient();
  const logs = createLogSender();
  try {
    const issued = cli(home, sidecar, ['token', 'issue', '--consumer', consumerId, '--ttl', '1d', '--json']);
    const { token } = JSON.parse(issued) as { readonly token: string };
    const request = questionBytes(`${sidecar.data.host}:${String(sidecar.data.port)}`, question(token));
    const order = { ...sidecar.data, key: logKey, versionId: await versionOf(sidecar, token), rate: entriesPerSecond };
    const load = { ...sidecar.data, request, connections };
    await client.run({ ...load, seconds: quick ? 1 : 3 });
    const rate = (await fixedRateCapacity(client, { ...load, seconds: quick ? 1 : 2 })) / 2;
    const cpu = { alone: 0, beside: 0 };
    const p99 = async (): Promise<number> => quantile((await client.run({ ...load, rate, seconds })).latencies, 0.99);
    const spent = async (what: 'alone' | 'beside', work: () => Promise<void>): Promise<void> => {
      const startedAt = cpuSeconds(sidecar.process.pid);
      await work();
      cpu[what] += cpuSeconds(sidecar.process.pid) - startedAt;
    };
    const measureAlone = (): Promise<void> => spent('alone', async () => void alone.push(await p99()));

    await p99();
    await logs.run({ ...order, seconds: 1 });
    await settled(sidecar);
    const before = await counted(sidecar);
    const sum = { batches: 0, usable: 0, repeated: 0, cut: 0, oversized: 0, refused: 0, failures: 0, seconds: 0 };
    const alone: number[] = [];
    const beside: number[] = [];
    const memory: number[] = [];
    const measureBeside = async (): Promise<void> => {
      await spent('beside', async () => {
        const posting = logs.run({ ...order, seconds });
        beside.push(await p99());
        add(sum, await posting);
        await settled(sidecar);
      });
      memory.push(sidecar.residentBytes() / 1e6);
    };
    for (let pair = 0; pair < pairs; pair++) {
      for (const run of pair % 2 === 0 ? [measureAlone, measureBeside] : [measureBeside, measureAlone]) await run();
    }
    const after = await counted(sidecar);
    const used = after.used - before.used;
    const again = after.duplicate - before.duplicate;
    const ratios = beside.map((value, pair) => value / (alone[pair] ?? NaN));
    const interval = bootstrapMedian(ratios);
    const growth = Math.max(...memory) - (memory[0] ?? NaN);
    const never = (name: string, value: number): Row => ({ name, value, unit: '', bound: '= 0', ok: value === 0 });
    return [
      {
        name: `ingestion: p99 of a decision, alone, ${String(Math.round(rate))} req/s`,
        value: median(alone),
        unit: 'ms',
      },
      {
        name: `ingestion: p99 beside ${entriesPerSecond.toLocaleString('en-US')} entries/s in batches of 20`,
        value: median(beside),
        unit: 'ms',
        ratio: median(ratios),
        interval,
        ...unlessNoisy(judge({ at: 'most', limit: 1.5 }, interval), alone),
      },
      { name: 'ingestion: entries used a second', value: used / (pairs * seconds), unit: '1/s' },
      {
        name: 'ingestion: processor time an entry',
        value: (1e6 * (cpu.beside - cpu.alone)) / (used + again),
        unit: 'µs',
      },
      never('ingestion: entries that could be used, and were not', sum.usable - used),
      never('ingestion: repeated entries that were counted again', sum.repeated - again),
      never('ingestion: cut-off batches that were not noticed', sum.cut - (after.malformed - before.malformed)),
      never('ingestion: batches given up', sum.failures),
      { name: 'ingestion: batches that came again for want of room', value: sum.refused, unit: '' },
      { name: 'ingestion: batches that came too late, again, cut off or too long', value: sum.repeated / 20 + sum.cut + sum.oversized, unit: '' }, // prettier-ignore
      {
        name: 'ingestion: resident memory more than after the first slice',
        value: growth,
        unit: 'MB',
        bound: `≤ ${String(maxGrowthMb)}`,
        ok: growth <= maxGrowthMb,
      },
    ];
  } finally {
    logs.close();
    client.close();
    await sidecar.stop();
    home.remove();
  }
}

/** What `cfcredential` carries for this token. */
export async function versionOf({ data }: BenchSidecar, token: string): Promise<string> {
  const url = `http://${data.host}:${String(data.port)}/api/auth/${upstreamId}`;
  const answer = await fetch(url, { headers: { ...question(token), connection: 'close' } });
  const version = answer.headers.get('cfcredential');
  if (version === null) throw new Error(`the sidecar answered ${String(answer.status)}`);
  return version;
}

/** Waits until all that was posted has been read. */
async function settled(sidecar: BenchSidecar): Promise<void> {
  while ((await readMetric(sidecar, 'credentialflow_log_queue_bytes')) > 0) await sleep(20);
}

async function counted(sidecar: BenchSidecar): Promise<Readonly<Record<'used' | 'duplicate' | 'malformed', number>>> {
  const of = (outcome: string): Promise<number> =>
    readMetric(sidecar, 'credentialflow_log_entries_total', [`outcome="${outcome}"`]);
  return { used: await of('used'), duplicate: await of('duplicate'), malformed: await of('malformed') };
}

function add(sum: { -readonly [K in keyof LogResult]: number }, result: LogResult): void {
  for (const name of Object.keys(sum) as (keyof LogResult)[]) sum[name] += result[name];
}
