import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { Decision } from '../../sidecar/core/decision.ts';
import { metricDefinitions, type MetricDefinition } from '../../sidecar/ops/metric-definitions.ts';
import { createMetrics, type CredentialState } from '../../sidecar/ops/metrics.ts';
import { deciding, question, resource, snapshotOf, usual } from '../support/deciding.ts';

const definitions: Readonly<Record<string, MetricDefinition>> = metricDefinitions;

it('exposes exactly what the table says, and the process beside it', async () => {
  const text = await everything();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type] as const);
  const own = types.filter(([name]) => !/^(process|nodejs)_/.test(name));
  assert.deepEqual(
    own.toSorted(),
    Object.entries(definitions)
      .map(([name, { type }]) => [name, type])
      .toSorted(),
  );
  assert.ok(types.some(([name]) => name === 'process_resident_memory_bytes'));
  for (const [name, { help, labels, type }] of Object.entries(definitions)) {
    assert.ok(text.includes(`# HELP ${name} ${help}`), name);
    const sample = new RegExp(`^${name}${type === 'histogram' ? '_count' : ''}(?:\\{(.*)\\})? `, 'm').exec(text);
    assert.ok(sample, `${name} has a sample`);
    const names = [...(sample[1] ?? '').matchAll(/(\w+)="/g)].map((match) => match[1]);
    assert.deepEqual(names.toSorted(), [...labels].toSorted(), name);
  }
});

it('has a row in docs/metrics.md for every metric, and no other', async () => {
  const page = await readFile('docs/metrics.md', 'utf8');
  const rows = [...page.matchAll(/^\| `(credentialflow_\w+)` +\|(.+)\|$/gm)].map(([, name = '', rest = '']) => {
    const [type, labels = '', unit, help] = rest.split('|').map((cell) => cell.trim());
    return [name, { type, help, labels: [...labels.matchAll(/`(\w+)`/g)].map((match) => match[1]), unit }];
  });
  assert.deepEqual(Object.fromEntries(rows), definitions);
});

it('counts decisions by upstream, outcome and reason', async () => {
  const metrics = createMetrics({ version: '1' });
  const allow = await decision();
  metrics.recordDecision(allow, 0.02);
  metrics.recordDecision(allow, 0.2);
  metrics.recordDecision(await decision({ authorization: 'Bearer cf_nobody' }), 0.02);
  metrics.recordDecision(await decision({ 'x-cf-gateway-key': 'wrong' }), 0.02);
  const text = await metrics.exposition();
  assert.ok(text.includes('credentialflow_decisions_total{upstream="api",outcome="allow",reason="allow"} 2\n'));
  assert.ok(text.includes('credentialflow_decisions_total{upstream="api",outcome="deny",reason="token_unknown"} 1\n'));
  assert.ok(text.includes('{upstream="none",outcome="deny",reason="gateway_key_unknown"} 1\n'));
  assert.equal(await metrics.exposition().then(decisionsOf), decisionsOf(text), 'a scrape changes nothing');
});

it('sorts durations into cumulative buckets, bounds included', async () => {
  const metrics = createMetrics({ version: '1' });
  const allow = await decision();
  for (const ms of [0.025, 0.03, 0.6, 5_000]) metrics.recordDecision(allow, ms);
  const text = await metrics.exposition();
  const bucket = (le: string): number =>
    Number(new RegExp(`duration_seconds_bucket\\{outcome="allow",le="${le}"\\} (\\d+)`).exec(text)?.[1]);
  assert.deepEqual(['0.000025', '0.00005', '0.0005', '0.001', '1', '\\+Inf'].map(bucket), [1, 2, 2, 3, 3, 4]);
  assert.match(text, /duration_seconds_sum\{outcome="allow"\} 5\.000655/);
  assert.match(text, /duration_seconds_count\{outcome="allow"\} 4\n/);
});

it('bounds what resources can make of labels', async () => {
  const metrics = createMetrics({ version: '1' });
  const allow = await decision();
  const { upstream } = allow.deliberation;
  assert.ok(upstream);
  const credentials: CredentialState[] = [];
  for (let i = 0; i < 1_010; i++) {
    const deliberation = { ...allow.deliberation, upstream: { ...upstream, id: `u${i}` } };
    metrics.recordDecision({ ...allow, deliberation }, 1);
    credentials.push({ upstream: 'u', credential: `c${i}`, usable: i !== 1_005 });
  }
  metrics.setCredentials(credentials);
  const text = await metrics.exposition();
  assert.equal(decisionsOf(text).split('\n').length, 1_001);
  assert.ok(text.includes('credentialflow_decisions_total{upstream="other",outcome="allow",reason="allow"} 10\n'));
  assert.ok(text.includes('credentialflow_credential_usable{upstream="other",credential="other"} 0\n'));
});

it('forgets credentials that are gone, and asks the age of the state at each scrape', async () => {
  const metrics = createMetrics({ version: '1' });
  let ageMs = 1_500;
  metrics.stateAge(() => ageMs);
  metrics.setCredentials([{ upstream: 'a', credential: 'gone-by', usable: true }]);
  metrics.setCredentials([{ upstream: 'a', credential: 'new', usable: false }]);
  const text = await metrics.exposition();
  assert.ok(text.includes('credentialflow_credential_usable{upstream="a",credential="new"} 0\n'));
  assert.ok(!text.includes('gone-by'));
  assert.match(text, /^credentialflow_state_age_seconds 1\.5$/m);
  ageMs = 0;
  assert.match(await metrics.exposition(), /^credentialflow_state_age_seconds 0$/m);
});

it('keeps two of itself apart', async () => {
  const one = createMetrics({ version: '1' });
  const two = createMetrics({ version: '2' });
  one.changeKnown('postgres', 20);
  one.rejectedValue('truncated');
  assert.ok(!(await two.exposition()).includes('truncated'));
});

async function decision(headers: Record<string, string> = {}): Promise<Decision> {
  return decide(question(headers), deciding(await snapshotOf([...usual(), resource('consumer', 'other')])));
}

function decisionsOf(text: string): string {
  return (text.match(/^credentialflow_decisions_total.*$/gm) ?? []).join('\n');
}

async function everything(): Promise<string> {
  const metrics = createMetrics({ version: '1.2.3' });
  metrics.recordDecision(await decision(), 1);
  metrics.observeLookup('l1', 'hit', 0.01);
  metrics.changeKnown('postgres', 20);
  metrics.rejectedValue('truncated');
  metrics.watchTiers({
    breakers: () => ({ cache: 'open', store: 'closed' }),
    connections: () => ({ values: true, hints: undefined }),
  });
  metrics.setRevision(3, 2);
  metrics.setSnapshot({ kinds: { upstream: 1 }, problems: 0, buildMs: 2 });
  metrics.setSource('resources.yaml', true);
  metrics.logEntries('accepted', 2);
  metrics.auditRecords('written', 2);
  metrics.limitUse('per-minute', 'allowed');
  metrics.adminRequest('GET', 200);
  metrics.setCredentials([{ upstream: 'api', credential: 'main', usable: true }]);
  return metrics.exposition();
}
