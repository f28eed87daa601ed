import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createAudit, type Audit, type AuditOptions } from '../../sidecar/audit/audit.ts';
import { decide } from '../../sidecar/core/decide.ts';
import type { Decision, Question } from '../../sidecar/core/decision.ts';
import type { AuditSink } from '../../sidecar/core/ports.ts';
import { deciding, question, snapshotOf, usual, type Deciding } from '../support/deciding.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { recordingLog, type RecordingLog } from '../support/recording-log.ts';

const ctx = deciding(await snapshotOf(usual()));

it('records an allow with who, what, which credential and how long, and nothing secret', async () => {
  const { audit, clock, sink } = recorder();
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const decision = asked({ 'x-cf-raw-uri': '/api/v1/chat?model=x&q=hush', traceparent });
  clock.advance(1);
  audit.recordDecision(decision);
  await audit.flush();
  const [line = {}] = sink.records();
  assert.deepEqual(
    { ...line, decision: '', credential_version: '' },
    {
      time: '2026-11-23T12:00:00.000Z',
      event: 'decision',
      decision: '',
      request_id: 'req-1',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      outcome: 'allow',
      gateway: 'default',
      upstream: 'api',
      method: 'POST',
      path: '/api/v1/chat',
      consumer: 'team',
      token: 'tok_team',
      policy: 'chat',
      credential: 'api-main',
      credential_version: '',
      duration_us: 1_000,
    },
  );
  assert.ok(line['credential_version']);
  assert.doesNotMatch(sink.lines.join(''), /hush|cf_team|upstream-secret|gateway-key/);
});

it('records a denial after authentication with its code', async () => {
  const { audit, sink } = recorder();
  audit.recordDecision(asked({ 'x-cf-raw-uri': '/api/v1/files' }));
  await audit.flush();
  const [line] = sink.records();
  assert.deepEqual([line?.['outcome'], line?.['code'], line?.['consumer']], ['deny', 'policy_no_match', 'team']);
});

it('bounds the path and keeps a token out of it', async () => {
  const { audit, sink } = recorder();
  audit.recordDecision(asked({ 'x-cf-raw-uri': `/api/${'a'.repeat(5_000)}` }));
  audit.recordDecision(asked({ 'x-cf-raw-uri': '/api/v1/cf_k1_9aBcD3fGhIjKlMnOpQrStUvWxYz0123456789' }));
  await audit.flush();
  const [long, token] = sink.records();
  assert.equal(String(long?.['path']).length, 1_024);
  assert.equal(token?.['path'], '/api/v1/cf_[redacted]');
});

it('counts denials before authentication by reason and source, a line a second', async () => {
  const { audit, clock, sink } = recorder();
  for (let i = 0; i < 3; i++) audit.recordDecision(asked({ 'x-cf-gateway-key': 'wrong' }, { address: '10.0.0.9' }));
  audit.recordDecision(asked({ authorization: 'Bearer cf_nobody', 'x-forwarded-for': '203.0.113.7' }));
  audit.recordDecision(asked({ authorization: undefined, 'x-forwarded-for': '"}\n{' }));
  await audit.flush();
  assert.deepEqual(sink.lines, [], 'not before the second is over');
  clock.advance(1_000);
  await audit.flush();
  assert.deepEqual(
    sink.records().map(({ event, code, source, count }) => [event, code, source, count]),
    [
      ['early_denials', 'gateway_key_unknown', '10.0.0.9', 3],
      ['early_denials', 'token_unknown', '203.0.113.7', 1],
      ['early_denials', 'token_missing', 'unknown', 1],
    ],
  );
  assert.match(String(sink.records()[0]?.['first_decision']), /^d\d+$/);
  clock.advance(1_000);
  await audit.flush();
  assert.equal(sink.lines.length, 3, 'counted once');
});

it('trusts the client address of a gateway only, and bounds the number of sources', async () => {
  const { audit, clock, sink } = recorder();
  audit.recordDecision(asked({ 'x-cf-gateway-key': 'wrong', 'x-forwarded-for': '1.2.3.4' }, { address: '' }));
  for (let i = 0; i < 1_100; i++) {
    audit.recordDecision(asked({ authorization: undefined, 'x-forwarded-for': `10.1.${i >> 8}.${i & 255}` }));
  }
  clock.advance(1_000);
  await audit.flush();
  const records = sink.records();
  assert.equal(records[0]?.['source'], 'local');
  assert.equal(records.length, 1_001);
  const others = records.find(({ source }) => source === 'other');
  assert.equal(others?.['count'], 101);
});

it('writes every 100 ms, or when 1,000 records wait', async () => {
  const { audit, clock, sink } = recorder();
  audit.recordDecision(asked());
  clock.advance(99);
  await settled();
  assert.equal(sink.lines.length, 0);
  clock.advance(1);
  await settled();
  assert.equal(sink.lines.length, 1);
  const decision = asked();
  for (let i = 0; i < 1_000; i++) audit.recordDecision(decision);
  await settled();
  assert.equal(sink.lines.length, 1_001, 'without waiting for the clock');
});

it('drops what does not fit, counts it, and says so where the hole is', async () => {
  const { audit, sink, log, observed } = recorder({ bufferRecords: 100 });
  const decision = asked();
  for (let i = 0; i < 130; i++) audit.recordDecision(decision);
  assert.equal(audit.isBlocking(), false);
  await audit.flush();
  const records = sink.records();
  assert.equal(records.length, 101);
  assert.deepEqual([records[100]?.['event'], records[100]?.['lost']], ['audit_gap', 30]);
  assert.deepEqual(observed, { written: 100, dropped: 30 });
  assert.deepEqual(log.events(), ['audit_records_lost', 'audit_gap_closed']);
  audit.recordDecision(decision);
  await audit.flush();
  assert.equal(sink.records().filter(({ event }) => event === 'audit_gap').length, 1, 'one gap, once');
});

it('goes on dropping while the sink fails, and writes one gap when it works again', async () => {
  const { audit, sink, log, observed } = recorder();
  sink.broken = true;
  for (let round = 0; round < 3; round++) {
    audit.recordDecision(asked());
    await audit.flush();
  }
  assert.deepEqual(sink.lines, []);
  assert.deepEqual(log.events(), ['audit_sink_failed', 'audit_records_lost']);
  sink.broken = false;
  audit.recordDecision(asked());
  await audit.flush();
  assert.deepEqual(
    sink.records().map(({ event, lost }) => [event, lost]),
    [
      ['decision', undefined],
      ['audit_gap', 3],
    ],
  );
  assert.deepEqual(observed, { written: 1, dropped: 3 });
});

it('blocks where that is wanted: loses nothing, and opens again when there is room', async () => {
  const { audit, sink, observed } = recorder({ bufferRecords: 100, onFull: 'block' });
  sink.broken = true;
  const decision = asked();
  for (let i = 0; i < 100; i++) {
    assert.equal(audit.isBlocking(), false);
    audit.recordDecision(decision);
  }
  assert.equal(audit.isBlocking(), true);
  await audit.flush();
  assert.equal(audit.isBlocking(), true, 'what could not be written is kept');
  sink.broken = false;
  await audit.flush();
  assert.equal(audit.isBlocking(), false);
  assert.equal(sink.lines.length, 100);
  assert.equal(observed.dropped, 0);
});

it('counts the denials that blocking causes instead of keeping each', async () => {
  const { audit, clock, sink } = recorder({ bufferRecords: 100, onFull: 'block' });
  const allowed = asked();
  const { deliberation } = allowed;
  const blocked: Decision = { outcome: 'deny', code: 'audit_blocked', retryAfterMs: 0, deliberation };
  for (let i = 0; i < 5_000; i++) audit.recordDecision(blocked);
  clock.advance(1_000);
  await audit.flush();
  assert.deepEqual(
    sink.records().map(({ code, count }) => [code, count]),
    [['audit_blocked', 5_000]],
  );
});

it('has a bound even where it blocks', async () => {
  const { audit, observed, sink } = recorder({ bufferRecords: 100, onFull: 'block' });
  sink.broken = true;
  const decision = asked();
  for (let i = 0; i < 2_000; i++) audit.recordDecision(decision);
  await audit.flush();
  assert.equal(observed.dropped, 900);
});

it('writes all there is before it closes', async () => {
  const { audit, sink } = recorder();
  audit.recordDecision(asked());
  audit.recordDecision(asked({ 'x-cf-gateway-key': 'wrong' }));
  await audit.close();
  assert.deepEqual(
    sink.records().map(({ event }) => event),
    ['decision', 'early_denials'],
  );
  assert.equal(sink.closed, true);
});

it('does nothing without a sink', async () => {
  const clock = createFakeClock();
  const audit = createAudit(
    { bufferRecords: 1, onFull: 'block' },
    { sink: undefined, clock, log: recordingLog(), observe: () => assert.fail() },
  );
  for (let i = 0; i < 10; i++) audit.recordDecision(asked());
  assert.equal(audit.isBlocking(), false);
  await audit.flush();
  await audit.close();
});

interface MemorySink extends AuditSink {
  readonly lines: string[];
  readonly records: () => Record<string, unknown>[];
  broken: boolean;
  closed: boolean;
}

function memorySink(): MemorySink {
  const sink: MemorySink = {
    kind: 'memory',
    lines: [],
    records: () => sink.lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    broken: false,
    closed: false,
    async write(lines) {
      await Promise.resolve();
      if (sink.broken) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      const text = Buffer.from(lines).toString();
      assert.ok(text.endsWith('\n'));
      sink.lines.push(...text.slice(0, -1).split('\n'));
    },
    async close() {
      sink.closed = true;
    },
  };
  return sink;
}

function recorder(options: Partial<AuditOptions> = {}): {
  readonly audit: Audit;
  readonly sink: MemorySink;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly observed: Record<'written' | 'dropped', number>;
} {
  const sink = memorySink();
  const clock = createFakeClock();
  const log = recordingLog();
  const observed = { written: 0, dropped: 0 };
  const audit = createAudit(
    { bufferRecords: 10_000, onFull: 'drop', ...options },
    { sink, clock, log, observe: (outcome, records) => (observed[outcome] += records) },
  );
  return { audit, sink, clock, log, observed };
}

function asked(headers: Record<string, string | undefined> = {}, rest: Partial<Question> = {}): Decision {
  const context: Deciding = ctx;
  const decision = decide({ ...question(headers), ...rest, headers: question(headers).headers }, context);
  assert.ok(!(decision instanceof Promise));
  return decision;
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it('records what happens beside decisions, among them', async () => {
  const { audit, sink } = recorder();
  audit.recordEvent({ time: '2026-01-01T00:00:00.000Z', event: 'credential_health_changed', to: 'dead' });
  audit.recordDecision(asked({ 'x-cf-raw-uri': '/api/v1/files' }));
  await audit.flush();
  assert.deepEqual(
    sink.records().map((record) => record['event']),
    ['credential_health_changed', 'decision'],
  );
});
