import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { getPriority } from 'node:os';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { collectOften } from '../../sidecar/ops/collector.ts';

/** Collections of young objects while as many of them are made, over many turns of the loop. */
async function collections(): Promise<number> {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as readonly { readonly detail: { readonly kind: number } }[]) {
      if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) count += 1;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  let last: unknown;
  for (let round = 0; round < 1_000; round++) {
    last = Array.from({ length: 2_000 }, (_, i) => ({ i, round }));
    await turn();
  }
  assert.ok(last !== undefined);
  await turn();
  observer.disconnect();
  return count;
}

test('collects young objects more often while it is asked to, and as before afterwards', async () => {
  const before = await collections();
  const end = collectOften();
  const often = await collections();
  end();
  await collections(); // The first one may still be due as it was.
  const after = await collections();
  assert.ok(before > 0, 'some are collected in any case');
  assert.ok(often >= 2 * before, `${often} instead of ${before}`);
  assert.ok(after <= often / 1.5, `${after} after ${often}`);
});

for (const [niceness, expected] of [
  [0, 10],
  [15, 15],
] as const) {
  test(`helpers of V8 give way to the main thread, of a process of niceness ${niceness}`, () => {
    const module = JSON.stringify(new URL('../../sidecar/ops/collector.ts', import.meta.url).href);
    const code = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    import { tuneCollector } from ${module};
    tuneCollector();
    const nameOf = (id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim();
    console.log(JSON.stringify(readdirSync('/proc/self/task').map((id) => [nameOf(id), getPriority(Number(id))])));`;
    const args = ['--v8-pool-size=2', '--input-type=module', '--eval', code];
    const threads = JSON.parse(
      execFileSync('nice', ['-n', String(niceness), process.execPath, ...args], { encoding: 'utf8' }),
    ) as readonly [string, number][];
    const own = getPriority() + niceness;
    const helpers = threads.filter(([name]) => name === 'V8Worker');
    assert.deepEqual(
      helpers.map(([, priority]) => priority),
      [expected, expected],
    );
    assert.ok(threads.filter(([name]) => name !== 'V8Worker').every(([, priority]) => priority === own));
  });
}
