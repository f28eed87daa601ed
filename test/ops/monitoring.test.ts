/** The dashboard and the alerts of examples/ against what the code exports, and against a real Prometheus. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { denialTable } from '../../sidecar/core/codes.ts';
import { metricDefinitions, type MetricDefinition } from '../../sidecar/ops/metric-definitions.ts';
import { createMetrics } from '../../sidecar/ops/metrics.ts';
import { prometheusIsMissing, promtool, startPrometheus } from '../support/prometheus.ts';
import { readPromql } from '../support/promql.ts';
import { startSidecar } from '../support/sidecar.ts';
import { until } from '../support/until.ts';

const alertsFile = 'examples/prometheus/alerts.yml';
const dashboardFile = 'examples/grafana/credentialflow.json';
const missing = prometheusIsMissing();

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

const { groups } = parse(readFileSync(alertsFile, 'utf8')) as { groups: readonly { rules: readonly Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(readFileSync(dashboardFile, 'utf8')) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const fromPages = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| [^|]+\?\s*\| `([^`]+)`/gm)].map(([, expr = '']) => expr); // prettier-ignore
const variables = dashboard.templating.list.map(({ query }) => /label_values\(([^)]+)\)/.exec(JSON.stringify(query))?.[1] ?? ''); // prettier-ignore

const expressions = [
  ...alerts.map(({ alert, expr }) => [`the alert ${alert}`, expr] as const),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`the panel ${title}`, expr] as const)),
  ...fromPages.map((expr) => [`docs/metrics.md: ${expr}`, expr] as const),
];

/** Names of Prometheus' own, and what it adds to every series. */
const added = ['job', 'instance'];

async function exported(): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = new Map<string, readonly string[]>([['up', []]]);
  const own: Readonly<Record<string, MetricDefinition>> = metricDefinitions;
  for (const [name, { type, labels }] of Object.entries(own)) {
    if (type !== 'histogram') names.set(name, labels);
    else {
      names.set(`${name}_bucket`, [...labels, 'le']);
      for (const part of ['_sum', '_count']) names.set(name + part, labels);
    }
  }
  const text = await createMetrics({ version: '1' }).exposition();
  for (const [, name = ''] of text.matchAll(/^# TYPE ((?:process|nodejs)_\w+)/gm)) names.set(name, []);
  return names;
}

describe('the dashboard and the alerts', () => {
  it('ask only for metrics that are exported, and for labels that these have', async () => {
    const names = await exported();
    for (const [place, expression] of expressions) {
      const { selected, grouped } = readPromql(expression);
      assert.ok(selected.length > 0, place);
      const known = new Set(added);
      for (const { metric, labels } of selected) {
        const has = names.get(metric);
        assert.ok(has, `${place} asks for ${metric}`);
        for (const label of has) known.add(label);
        for (const label of labels)
          assert.ok([...has, ...added].includes(label), `${place}: ${metric} has no ${label}`);
      }
      for (const label of grouped) assert.ok(known.has(label), `${place} groups by ${label}`);
    }
    assert.ok(expressions.length > 60, String(expressions.length));
  });

  it('are read by a tokenizer that finds what it should', () => {
    const { selected, grouped } = readPromql(
      'sum by (le, "x") (rate(a_total{b="c{d}",e=~"f"}[5m] offset 1h)) / on (g) h:i > bool 1e3 unless vector(1)',
    );
    assert.deepEqual(selected, [{ metric: 'a_total', labels: ['b', 'e'] }, { metric: 'h:i', labels: [] }]); // prettier-ignore
    assert.deepEqual(grouped, ['le', 'g']);
  });

  it('name reasons of denials that there are', () => {
    for (const [place, expression] of expressions) {
      for (const [, reasons = ''] of expression.matchAll(/reason=~?"([^"]+)"/g)) {
        for (const reason of reasons.split('|')) assert.ok(reason in denialTable, `${place}: ${reason}`);
      }
    }
    const faults = Object.entries(denialTable).filter(([, { status }]) => status === 503);
    const alert = alerts.find((one) => one.alert === 'CredentialFlowFaults') ?? assert.fail();
    for (const [code] of faults) assert.ok(alert.expr.includes(code), `CredentialFlowFaults leaves out ${code}`);
  });

  it('say what an operator should know', () => {
    assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      assert.match(labels.severity, /^(critical|warning)$/, alert);
      assert.ok(annotations.summary.length > 10 && annotations.description.length > 10, alert);
    }
  });

  it('show everything that the code exports, but what only says how it was built', () => {
    const shown = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n');
    const all = `${shown}\n${alerts.map(({ expr }) => expr).join('\n')}\n${variables.join('\n')}`;
    const unseen = Object.keys(metricDefinitions).filter((name) => !all.includes(name));
    assert.deepEqual(unseen.toSorted(), [
      'credentialflow_admin_requests_total',
      'credentialflow_snapshot_build_seconds',
      'credentialflow_snapshot_resources',
    ]);
  });

  it('has panels with ids of their own that do not cover each other', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const cells = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(x < 24 && !cells.has(`${String(x)},${String(y)}`), title);
          cells.add(`${String(x)},${String(y)}`);
        }
      }
    }
  });
});

describe('a real Prometheus', { skip: missing }, () => {
  it('finds nothing wrong with the rules, and they fire when they should', () => {
    const checked = promtool(['check', 'rules', alertsFile]);
    assert.equal(checked.code, 0, checked.output);
    const tested = promtool(['test', 'rules', 'examples/prometheus/alerts-test.yml']);
    assert.equal(tested.code, 0, tested.output);
  });

  it('reads the configurations of the Compose example', () => {
    for (const name of ['prometheus.yml', 'prometheus-fleet.yml']) {
      const { code, output } = promtool(['check', 'config', '--syntax-only', `examples/compose/${name}`]);
      assert.equal(code, 0, output);
    }
  });

  it('scrapes a sidecar under load without an error, and evaluates every rule', { timeout: 180_000 }, async (t) => {
    const sidecar = await startSidecar({
      resources: `
upstreams: [{ id: openai, preset: openai }]
credentials: [{ id: main, upstream: openai, secret: { from: env, name: PROVIDER_SECRET } }]
consumers: [{ id: team, owner: team@example.com }]
policies: [{ id: all, effect: allow, consumers: [team], upstreams: [openai] }]
`,
      env: { PROVIDER_SECRET: 'sk-monitoring', CREDENTIALFLOW_METRICS_CONSUMERS: '10' },
    });
    t.after(() => sidecar.stop());
    const { token } = await sidecar.issueToken('team');
    const prometheus = await startPrometheus({
      targets: [new URL(sidecar.urls.metrics).host],
      scrapeInterval: '250ms',
      ruleFiles: [resolve(alertsFile)],
    });
    t.after(() => prometheus.stop());

    let asking = true;
    const load = Promise.all([0, 1].map(() => ask(sidecar.urls.data, sidecar.keys, token, () => asking)));
    const scrapes = async (): Promise<number> => (await prometheus.value('count_over_time(up[10m])')) ?? 0;
    const evaluated = async (): Promise<boolean> =>
      ((await prometheus.api('/rules')) as { groups: readonly RuleGroup[] }).groups.every(({ rules }) => rules.every(({ health }) => health !== 'unknown')); // prettier-ignore
    try {
      await until(async () => (await scrapes()) >= 20 && (await evaluated()), 'twenty scrapes and all rules');
    } finally {
      asking = false;
    }
    await load;

    assert.equal(await prometheus.value('min_over_time(up[10m])'), 1);
    assert.ok(((await prometheus.value('sum(credentialflow_decisions_total{outcome="allow"})')) ?? 0) > 0);
    assert.ok(((await prometheus.value('sum(credentialflow_upstream_requests_total{credential="main"})')) ?? 0) > 0);
    const { activeTargets } = (await prometheus.api('/targets')) as { activeTargets: readonly { lastError: string }[] };
    assert.deepEqual(activeTargets.map(({ lastError }) => lastError), ['']); // prettier-ignore
    const { groups: loaded } = (await prometheus.api('/rules')) as { groups: readonly RuleGroup[] };
    const rules = loaded.flatMap((group) => group.rules);
    assert.deepEqual(rules.map(({ name }) => name).toSorted(), alerts.map(({ alert }) => alert).toSorted());
    for (const { name, health, lastError } of rules) assert.deepEqual([health, lastError], ['ok', undefined], name);
    const itself = await (await fetch(`${prometheus.url}/metrics`)).text();
    for (const [, name, count] of itself.matchAll(
      /^(prometheus_target_scrapes?_\w*(?:out_of_order|duplicate|out_of_bounds|exceeded|invalid)\w*) (\d+)$/gm,
    )) {
      assert.equal(count, '0', name);
    }

    const exposition = await (await fetch(`${sidecar.urls.metrics}/metrics`)).text();
    const { output } = promtool(['check', 'metrics'], exposition);
    // prom-client's own metrics of the process are not all named as Prometheus would.
    assert.doesNotMatch(output, /credentialflow_|error while linting/);
  });
});

interface RuleGroup {
  readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
}

/** Questions and batches of the log, one after the other, as long as is wanted. */
async function ask(
  url: string,
  keys: Readonly<Record<'gateway' | 'log', string>>,
  token: string,
  goOn: () => boolean,
): Promise<void> {
  const headers = {
    authorization: `Bearer ${token}`,
    'x-cf-gateway-key': keys.gateway,
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': '/v1/models',
    'x-cf-raw-uri': '/v1/models',
    'x-cf-upstream-uri': '/v1/models',
  };
  for (let i = 0; goOn(); i++) {
    const answer = await fetch(`${url}/api/auth/openai`, { headers: { ...headers, 'x-cf-request-id': `r${String(i)}`, connection: 'close' } }); // prettier-ignore
    const credential = answer.headers.get('cfcredential');
    await answer.arrayBuffer();
    const upstream = { status: '200', response_time: 0.2, header_time: '0.1' };
    const llm = { model: 'gpt-4o', prompt_tokens: '5', completion_tokens: '7' };
    const limits = { 'x-ratelimit-remaining-requests': '9' };
    const entry = { ts: String(Date.now() / 1_000), request_id: `r${String(i)}`, credential, status: 200, upstream, llm, limits }; // prettier-ignore
    const logged = await fetch(`${url}/api/logs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.log}`, connection: 'close' },
      body: JSON.stringify([entry]),
    });
    assert.equal(logged.status, 204);
    await logged.arrayBuffer();
  }
}
