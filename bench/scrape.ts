/** A real Prometheus that scrapes a sidecar under load, for a minute: no scrape may fail. */
import { setTimeout as sleep } from 'node:timers/promises';
import { resolve } from 'node:path';
import { prometheusIsMissing, startPrometheus } from '../test/support/prometheus.ts';
import { logKey, versionOf } from './ingestion.ts';
import { createLoadClient } from './load/client.ts';
import { createLogSender } from './load/log-sender.ts';
import type { Row } from './row.ts';
import { cli, createHome, startSidecar } from './sidecar.ts';
import { consumerId, question, questionBytes, writeResources } from './world.ts';

const scrapeSeconds = 1;
const entriesPerSecond = 2_000;
const questionsPerSecond = 1_000;

export async function benchScrape({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const missing = prometheusIsMissing();
  if (missing !== undefined) {
    console.error(`scrape: left out, ${missing}`);
    return [];
  }
  const seconds = quick ? 5 : 60;
  const home = createHome(writeResources({ consumers: 100, policies: 100, otherUpstreams: 50 }));
  const sidecar = await startSidecar(home, { env: { CREDENTIALFLOW_LOG_KEY: logKey } });
  const client = createLoadClient();
  const logs = createLogSender();
  const prometheus = await startPrometheus({
    targets: [`${sidecar.metrics.host}:${String(sidecar.metrics.port)}`],
    scrapeInterval: `${String(scrapeSeconds)}s`,
    ruleFiles: [resolve('examples/prometheus/alerts.yml')],
  });
  try {
    const issued = cli(home, sidecar, ['token', 'issue', '--consumer', consumerId, '--ttl', '1d', '--json']);
    const { token } = JSON.parse(issued) as { readonly token: string };
    const request = questionBytes(`${sidecar.data.host}:${String(sidecar.data.port)}`, question(token));
    const versionId = await versionOf(sidecar, token);
    await Promise.all([
      client.run({ ...sidecar.data, request, connections: 20, seconds, rate: questionsPerSecond }),
      logs.run({ ...sidecar.data, key: logKey, versionId, rate: entriesPerSecond, seconds }),
    ]);
    await sleep(2_000 * scrapeSeconds);
    const value = async (query: string): Promise<number> => (await prometheus.value(query)) ?? NaN;
    const failed = (await value('count_over_time(up[10m])')) - (await value('sum_over_time(up[10m])'));
    const unwell = (
      (await prometheus.api('/rules')) as { groups: readonly { rules: readonly { health: string }[] }[] }
    ).groups // prettier-ignore
      .flatMap(({ rules }) => rules)
      .filter(({ health }) => health === 'err').length;
    return [
      {
        name: `scrape: scrapes in ${String(seconds)} s under load`,
        value: await value('count_over_time(up[10m])'),
        unit: '',
      },
      { name: 'scrape: failed', value: failed, unit: '', bound: '= 0', ok: failed === 0 },
      { name: 'scrape: rules that failed', value: unwell, unit: '', bound: '= 0', ok: unwell === 0 },
      { name: 'scrape: samples', value: await value('max_over_time(scrape_samples_scraped[10m])'), unit: '' },
      {
        name: 'scrape: longest',
        value: 1_000 * (await value('max_over_time(scrape_duration_seconds[10m])')),
        unit: 'ms',
      },
    ];
  } finally {
    logs.close();
    client.close();
    await prometheus.stop();
    await sidecar.stop();
    home.remove();
  }
}
