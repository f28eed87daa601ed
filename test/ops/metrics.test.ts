import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { Decision } from '../../sidecar/core/decision.ts';
import type { LoggedRequest } from '../../sidecar/core/ports.ts';
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

it('tells of each tier what it answered and how long it took, of the steps their breakers, and how far behind it is', async () => {
  const metrics = createMetrics({ version: '1' });
  for (const outcome of ['hit', 'hit', 'miss', 'negative', 'stale', 'rejected']) metrics.observeLookup('l1', outcome);
  for (const outcome of ['hit', 'miss', 'error', 'timeout', 'rejected']) metrics.observeLookup('cache', outcome, 0.4);
  metrics.observeLookup('store', 'error', 30);
  metrics.observeLookup('store', 'stale');
  metrics.watchTiers({
    breakers: () => ({ cache: 'open', store: 'half_open' }),
    connections: () => ({ values: true, hints: false }),
  });
  metrics.setRevision(12, 10);
  metrics.changeKnown('postgres', 40);
  const text = await metrics.exposition();
  for (const line of [
    'cache_lookups_total{tier="l1",outcome="hit"} 2',
    'cache_lookups_total{tier="cache",outcome="error"} 1',
    'cache_lookups_total{tier="store",outcome="stale"} 1',
    'cache_lookup_duration_seconds_count{tier="cache"} 5',
    'cache_lookup_duration_seconds_count{tier="store"} 1',
    'breaker_state{step="cache"} 2',
    'breaker_state{step="store"} 1',
    'cache_connected{connection="values"} 1',
    'cache_connected{connection="hints"} 0',
    'store_revision 12',
    'applied_revision 10',
    'revocation_propagation_seconds_bucket{store="postgres",le="0.05"} 1',
  ]) {
    assert.ok(text.includes(`credentialflow_${line}\n`), line);
  }
  assert.ok(!text.includes('lookup_duration_seconds_count{tier="l1"}'), 'L1 is not timed');
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

it('tells how requests fared by upstream, credential, class of status and outcome', async () => {
  const metrics = createMetrics({ version: '1' });
  const fared = [
    [{ status: 200 }, '2xx', 'ok'],
    [{ status: 304 }, '3xx', 'ok'],
    [{ status: 404 }, '4xx', 'refused'],
    [{ status: 401 }, '4xx', 'unauthorized'],
    [{ status: 403 }, '4xx', 'unauthorized'],
    [{ status: 429 }, '4xx', 'throttled'],
    [{ status: 529 }, '5xx', 'failed'],
    [{ status: 0 }, 'none', 'no_answer'],
    [{ status: 0, abandoned: true }, 'none', 'abandoned'],
    [{ status: 999 }, 'other', 'failed'],
  ] as const;
  metrics.recordRequests(fared.map(([changes]) => request(changes)));
  const text = await metrics.exposition();
  for (const [, status, outcome] of fared) {
    const count = fared.filter((other) => other[1] === status && other[2] === outcome).length;
    const line = `credentialflow_upstream_requests_total{upstream="api",credential="main",status="${status}",outcome="${outcome}"} ${String(count)}\n`;
    assert.ok(text.includes(line), line);
  }
  assert.match(text, /^credentialflow_upstream_request_bytes_total\{upstream="api",credential="main"\} 100$/m);
  assert.match(text, /^credentialflow_upstream_response_bytes_total\{upstream="api",credential="main"\} 200$/m);
});

it('tells how long upstreams took, in seconds, where the log says it', async () => {
  const metrics = createMetrics({ version: '1' });
  const silent = request({ durationMs: undefined, headerMs: undefined });
  metrics.recordRequests([request(), request({ durationMs: 90_000, headerMs: undefined }), silent]);
  const text = await metrics.exposition();
  const value = (name: string): number =>
    Number(new RegExp(`^credentialflow_upstream_${name.replaceAll(/[{}+]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
  assert.equal(value('duration_seconds_sum{upstream="api",credential="main"}'), 90.3);
  assert.equal(value('duration_seconds_count{upstream="api",credential="main"}'), 2);
  assert.equal(value('duration_seconds_bucket{upstream="api",credential="main",le="0.5"}'), 1);
  assert.equal(value('first_byte_seconds_bucket{upstream="api",credential="main",le="0.05"}'), 1);
  assert.equal(value('first_byte_seconds_count{upstream="api",credential="main"}'), 1);
});

it('tells what is left of each limit by the newest entry, in whatever order they come', async () => {
  const metrics = createMetrics({ version: '1' });
  metrics.recordRequests([
    request({ atMs: 3_000, limits: { 'x-ratelimit-remaining-requests': '7', 'retry-after': '1' } }),
    request({ atMs: 2_000, limits: { 'x-ratelimit-remaining-requests': '8' } }),
    request({ limits: { 'x-ratelimit-remaining-req-minute': '5', 'x-ratelimit-limit-requests': '60' } }),
    request({ limits: { 'anthropic-ratelimit-tokens-remaining': '4000', 'x-ratelimit-remaining-tokens': 'many' } }),
    request({ limits: { ratelimit: '"burst";r=50;t=30, "day";t=80000;r=9' } }),
  ]);
  const lines = (await metrics.exposition()).match(/^credentialflow_upstream_limit_remaining.*$/gm) ?? [];
  const of = (limit: string, value: number): string =>
    `credentialflow_upstream_limit_remaining{upstream="api",credential="main",limit="${limit}"} ${String(value)}`;
  assert.deepEqual(
    lines.toSorted(),
    [of('burst', 50), of('day', 9), of('req-minute', 5), of('requests', 7), of('tokens', 4_000)].toSorted(),
  );
});

it('keeps models apart that an upstream answered for, and no name that only a client wrote', async () => {
  const metrics = createMetrics({ version: '1' });
  const asked = (model: string, status = 200): LoggedRequest =>
    request({ model, status, promptTokens: 10, completionTokens: 5 });
  metrics.recordRequests([
    asked('gpt-4o'),
    asked('gpt-4o'),
    asked('made-up', 404),
    asked('<b>"\n'),
    asked('x'.repeat(99)),
  ]);
  metrics.recordRequests(Array.from({ length: 100 }, (_, i) => asked(`m${String(i)}`)));
  const lines: readonly string[] =
    (await metrics.exposition()).match(/^credentialflow_upstream_tokens_total.*$/gm) ?? [];
  assert.ok(lines.includes('credentialflow_upstream_tokens_total{upstream="api",model="gpt-4o",kind="prompt"} 20'));
  assert.ok(lines.includes('credentialflow_upstream_tokens_total{upstream="api",model="gpt-4o",kind="completion"} 10'));
  assert.ok(!lines.some((line) => /made-up|<b>|xxx/.test(line)));
  assert.ok(lines.length <= 2 * 51, String(lines.length));
});

it('names as many consumers as is wanted', async () => {
  const none = createMetrics({ version: '1' });
  none.recordRequests([request()]);
  assert.doesNotMatch(await none.exposition(), /consumer=/);
  const two = createMetrics({ version: '1', maxConsumers: 2 });
  two.recordRequests(['a', 'b', 'c', 'd', 'a'].map((consumerId) => request({ consumerId, completionTokens: 2 })));
  const text = await two.exposition();
  for (const [consumer, count] of [
    ['a', 2],
    ['b', 1],
    ['other', 2],
  ] as const) {
    assert.ok(text.includes(`credentialflow_consumer_requests_total{consumer="${consumer}",status="2xx"} ${String(count)}\n`)); // prettier-ignore
    assert.ok(text.includes(`credentialflow_consumer_tokens_total{consumer="${consumer}",kind="completion"} ${String(2 * count)}\n`)); // prettier-ignore
  }
  assert.doesNotMatch(text, /consumer="[cd]"/);
});

it('gives the names to the busiest consumers, and takes them from those that fell behind', async () => {
  const metrics = createMetrics({ version: '1', maxConsumers: 2 });
  const ask = (consumerId: string, times: number): void => {
    metrics.recordRequests(Array.from({ length: times }, () => request({ consumerId, promptTokens: 1 })));
  };
  ask('early', 5);
  ask('steady', 1_500);
  // Many that come once take nobody's place.
  for (let i = 0; i < 3_000; i++) ask(`once-${String(i)}`, 1);
  for (let i = 0; i < 10; i++) {
    ask('steady', 200);
    ask('late', 200);
  }
  const text = await metrics.exposition();
  const named = [...text.matchAll(/^credentialflow_consumer_requests_total\{consumer="([^"]+)"/gm)].map(
    ([, name]) => name,
  );
  assert.deepEqual(named.toSorted(), ['late', 'other', 'steady']);
  assert.match(text, /consumer_requests_total\{consumer="steady",status="2xx"\} 3500$/m);
  assert.doesNotMatch(text, /consumer_tokens_total\{consumer="early"/);
});

it('bounds the pairs of upstream and credential', async () => {
  const metrics = createMetrics({ version: '1' });
  for (let i = 0; i < 1_010; i++) metrics.recordRequests([request({ credentialId: `c${String(i)}` })]);
  metrics.recordRequests([request({ credentialId: '' })]);
  const text = await metrics.exposition();
  const lines = text.match(/^credentialflow_upstream_requests_total.*$/gm) ?? [];
  assert.equal(lines.length, 1_001);
  assert.ok(lines.some((line) => line.includes('{upstream="other",credential="other"') && line.endsWith(' 11')));
});

it('keeps two of itself apart', async () => {
  const one = createMetrics({ version: '1' });
  const two = createMetrics({ version: '2' });
  one.changeKnown('postgres', 20);
  one.rejectedValue('truncated');
  assert.ok(!(await two.exposition()).includes('truncated'));
});

function request(changes: Partial<LoggedRequest> = {}): LoggedRequest {
  return {
    upstreamId: 'api',
    credentialId: 'main',
    versionId: 'cv_1',
    atMs: 1_000,
    status: 200,
    durationMs: 300,
    headerMs: 40,
    limits: { 'x-ratelimit-remaining-requests': '59' },
    abandoned: false,
    requestBytes: 10,
    responseBytes: 20,
    model: undefined,
    promptTokens: undefined,
    completionTokens: undefined,
    consumerId: undefined,
    ...changes,
  };
}

async function decision(headers: Record<string, string> = {}): Promise<Decision> {
  return decide(question(headers), deciding(await snapshotOf([...usual(), resource('consumer', 'other')])));
}

function decisionsOf(text: string): string {
  return (text.match(/^credentialflow_decisions_total.*$/gm) ?? []).join('\n');
}

async function everything(): Promise<string> {
  const metrics = createMetrics({ version: '1.2.3', maxConsumers: 10 });
  metrics.recordDecision(await decision(), 1);
  const watch = resource('policy', 'watch', { effect: 'deny', consumers: ['*'], mode: 'shadow' });
  const shadowed = decide(question(), deciding(await snapshotOf([...usual(), watch])));
  metrics.recordDecision(await shadowed, 1);
  metrics.conditionFailed('chat');
  metrics.observeLookup('cache', 'hit', 0.01);
  metrics.changeKnown('postgres', 20);
  metrics.rejectedValue('truncated');
  metrics.watchTiers({
    breakers: () => ({ cache: 'open', store: 'closed' }),
    connections: () => ({ values: true, hints: undefined }),
  });
  metrics.setRevision(3, 2);
  metrics.setSnapshot({ kinds: { upstream: 1 }, problems: 0, buildMs: 2 });
  metrics.setSource('resources.yaml', true);
  metrics.recordRequests([request({ consumerId: 'team', model: 'gpt-4o', promptTokens: 3 })]);
  metrics.logEntries('used', 2);
  metrics.logBatch('taken');
  metrics.logLag(20);
  metrics.logJoin('miss');
  metrics.watchLogQueue(() => 0);
  metrics.issuerKeys('corp', 'read');
  metrics.auditRecords('written', 2);
  metrics.limitUse('per-minute', 'allowed');
  metrics.unpriced('openai');
  metrics.limitEnds('told', 3);
  metrics.adminRequest('GET', 200);
  metrics.setCredentials([{ upstream: 'api', credential: 'main', usable: true }]);
  metrics.watchHealth(() => [{ upstream: 'api', credential: 'main', state: 'dead' }]);
  metrics.healthChange('api', 'dead');
  metrics.probe('api', 'dead');
  metrics.webhook('delivered');
  return metrics.exposition();
}
