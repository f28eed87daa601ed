import assert from 'node:assert/strict';
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
