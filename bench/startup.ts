/** Start, memory and the first apply, from dist/, with 10,000 resources. */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { judge, type Row } from './row.ts';
import { createHome, startSidecar } from './sidecar.ts';
import { bootstrapMedian, median } from './stats.ts';
import { writeResources, type Size } from './world.ts';

/** 10 upstreams, 10 credentials, 4,990 consumers, 4,990 policies. */
export const tenThousand: Size = { consumers: 4_990, policies: 4_990, otherUpstreams: 9 };

export async function benchStartup({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const rounds = quick ? 2 : 5;
  const found = {
    applyMs: [] as number[],
    pauseMs: [] as number[],
    readyMs: [] as number[],
    megabytes: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    const home = createHome(writeResources({ consumers: 1, policies: 1 }));
    try {
      const first = await startSidecar(home, { watchLoop: true });
      await sleep(1_000);
      const applied = first.nextEvent('resource_file_applied');
      const fresh = `${home.resources}.new`;
      writeFileSync(fresh, writeResources(tenThousand));
      const since = Date.now();
      const startedAt = performance.now();
      renameSync(fresh, home.resources);
      await applied;
      found.applyMs.push(performance.now() - startedAt);
      // The snapshot that follows is part of what decisions feel.
      await sleep(1_500);
      found.pauseMs.push(Math.max(0, ...first.pauses.filter(([at]) => at >= since).map(([, length]) => length)));
      await first.stop();

      for (let start = 0; start < 3; start++) {
        const again = await startSidecar(home);
        found.readyMs.push(again.readyMs);
        await sleep(2_000);
        found.megabytes.push(again.residentBytes() / 1e6);
        await again.stop();
      }
    } finally {
      home.remove();
    }
  }
  const row = (name: string, unit: string, values: readonly number[], limit: number): Row => {
    const interval = bootstrapMedian(values);
    return {
      name: `startup: ${name}`,
      value: median(values),
      unit,
      interval,
      ...judge({ at: 'most', limit }, interval),
    };
  };
  return [
    row('ready with 10,000 resources applied before', 'ms', found.readyMs, 1_000),
    row('resident memory then', 'MB', found.megabytes, 150),
    row('first apply of 10,000 from YAML', 'ms', found.applyMs, 5_000),
    row('longest pause of the main loop meanwhile', 'ms', found.pauseMs, 20),
  ];
}
