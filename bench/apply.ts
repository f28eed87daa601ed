/** What an apply of 10,000 rows does to decisions: p99 at a modest fixed rate, against the same rate when idle. */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLoadClient } from './load/client.ts';
import { judge, unlessNoisy, type Row } from './row.ts';
import { cli, createHome, startSidecar } from './sidecar.ts';
import { tenThousand } from './startup.ts';
import { bootstrapMedian, median, quantile } from './stats.ts';
import { consumerId, question, questionBytes, writeResources } from './world.ts';

const rate = 1_000;
/** Covers the apply and the snapshot after it. */
const seconds = 3;

export async function benchApply({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const home = createHome(writeResources(tenThousand));
  const sidecar = await startSidecar(home);
  const client = createLoadClient();
  try {
    const issued = cli(home, sidecar, ['token', 'issue', '--consumer', consumerId, '--ttl', '1d', '--json']);
    const { token } = JSON.parse(issued) as { readonly token: string };
    const request = questionBytes(`${sidecar.data.host}:${String(sidecar.data.port)}`, question(token));
    const p99 = async (): Promise<number> => {
      const { latencies } = await client.run({ ...sidecar.data, request, connections: 20, seconds, rate });
      return quantile(latencies, 0.99);
    };
    await p99();
    const idle: number[] = [];
    const busy: number[] = [];
    for (let edition = 1; edition <= (quick ? 3 : 10); edition++) {
      idle.push(await p99());
      const fresh = `${home.resources}.new`;
      writeFileSync(fresh, writeResources({ ...tenThousand, edition }));
      const applied = sidecar.nextEvent('resource_file_applied');
      const measured = p99();
      renameSync(fresh, home.resources);
      busy.push(await measured);
      await applied;
      await sleep(500);
    }
    const ratios = busy.map((value, pair) => value / (idle[pair] ?? NaN));
    const interval = bootstrapMedian(ratios);
    return [
      { name: `apply: p99 of a decision, idle, ${String(rate)} req/s`, value: median(idle), unit: 'ms' },
      {
        name: 'apply: p99 while 10,000 rows are applied',
        value: median(busy),
        unit: 'ms',
        ratio: median(ratios),
        interval,
        ...unlessNoisy(judge({ at: 'most', limit: 2 }, interval), idle),
      },
    ];
  } finally {
    client.close();
    await sidecar.stop();
    home.remove();
  }
}
