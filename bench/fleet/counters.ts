import type { BenchSidecar } from '../sidecar.ts';

/** Sum of a metric's series whose labels contain all of `labels` (as `name="value"`). */
export async function readMetric(sidecar: BenchSidecar, name: string, labels: readonly string[] = []): Promise<number> {
  const response = await fetch(`http://${sidecar.metrics.host}:${String(sidecar.metrics.port)}/metrics`);
  let sum = 0;
  for (const line of (await response.text()).split('\n')) {
    if (!line.startsWith(name) || !/^[{ ]/.test(line.slice(name.length))) continue;
    if (labels.every((label) => line.includes(label))) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

/** Questions that reached the store for tokens. */
export async function storeLookups(sidecar: BenchSidecar): Promise<number> {
  const outcomes = ['hit', 'negative', 'error', 'timeout'];
  let sum = 0;
  for (const outcome of outcomes) {
    sum += await readMetric(sidecar, 'credentialflow_cache_lookups_total', ['tier="store"', `outcome="${outcome}"`]);
  }
  return sum;
}

export async function cacheLookups(sidecar: BenchSidecar): Promise<number> {
  return readMetric(sidecar, 'credentialflow_cache_lookups_total', ['tier="cache"']);
}
