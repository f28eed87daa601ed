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
/** How long requests are sent at once, seconds: while rows are applied, again and again until the last has its effect. */
const seconds = 0.5;
const idleSlices = 6;

export async function benchApply({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const home = createHome(writeResources(tenThousand));
  const sidecar = await startSidecar(home);
  const client = createLoadClient();
  try {
    const issued = cli(home, sidecar, ['token', 'issue', '--consumer', consumerId, '--ttl', '1d', '--json']);
    const { token } = JSON.parse(issued) as { readonly token: string };
    const request = questionBytes(`${sidecar.data.host}:${String(sidecar.data.port)}`, question(token));
    /** Of what was asked until `isOver`, in slices. */
    const p99 = async (isOver: (slices: number) => boolean): Promise<number> => {
      const all: number[] = [];
      for (let slices = 0; !isOver(slices); slices++) {
        const { latencies } = await client.run({
          ...sidecar.data,
          request,
          connections: 20,
          seconds,
          rate,
          first: true,
        });
        all.push(...latencies);
      }
      return quantile(all, 0.99);
    };
    const p99Idle = (): Promise<number> => p99((slices) => slices === idleSlices);
    await p99Idle();
    const idle: number[] = [];
    const busy: number[] = [];
    for (let edition = 1; edition <= (quick ? 3 : 10); edition++) {
      idle.push(await p99Idle());
      const fresh = `${home.resources}.new`;
      writeFileSync(fresh, writeResources({ ...tenThousand, edition }));
      let isOver = false;
      const over = sidecar.nextEvent('snapshot_built').then(() => {
        isOver = true;
      });
      const measured = p99(() => isOver);
      renameSync(fresh, home.resources);
      busy.push(await measured);
      await over;
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
