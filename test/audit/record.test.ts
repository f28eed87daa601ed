import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { createLineWriter } from '../../sidecar/audit/record.ts';
import type { Decision, Deliberation } from '../../sidecar/core/decision.ts';
import { decide } from '../../sidecar/core/decide.ts';
import { deciding, question, snapshotOf, usual } from '../support/deciding.ts';

const denied = await decide(question({ 'x-cf-raw-uri': '/api/v1/files' }), deciding(await snapshotOf(usual())));

function decisionWith(parts: Partial<Deliberation>): Decision {
  return { ...denied, deliberation: { ...denied.deliberation, ...parts } };
}

it('writes one line of JSON, without empty fields and without the query', () => {
  const decision = decisionWith({
    nowMs: Date.UTC(2026, 10, 24),
    startedAt: 5,
    decisionId: 'd_1',
    requestId: 'r1',
    method: 'POST',
    target: '/v1/x?secret=1',
    tokenId: 'tok_1',
    policyId: 'p',
  });
  assert.deepEqual(JSON.parse(createLineWriter()(decision, 5.0124)), {
    time: '2026-11-24T00:00:00.000Z',
    event: 'decision',
    decision: 'd_1',
    request_id: 'r1',
    outcome: 'deny',
    code: 'policy_no_match',
    gateway: 'default',
    upstream: 'api',
    method: 'POST',
    path: '/v1/x',
    consumer: 'team',
    token: 'tok_1',
    policy: 'p',
    duration_us: 12,
  });
});

it('keeps no text of one field for another, however many there are', () => {
  const lineOf = createLineWriter();
  for (let i = 0; i < 2_500; i++) {
    const line = JSON.parse(lineOf(decisionWith({ tokenId: `t${String(i)}`, policyId: `t${String(i % 7)}` }), 0)) as {
      readonly token: string;
      readonly policy: string;
    };
    assert.deepEqual([line.token, line.policy], [`t${String(i)}`, `t${String(i % 7)}`]);
  }
});

it('stays one line of JSON whatever a client sent', () => {
  const lineOf = createLineWriter();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (method, requestId) => {
      const line = lineOf(decisionWith({ method, requestId, target: `/${requestId}` }), 0);
      assert.ok(!line.includes('\n'));
      const parsed = JSON.parse(line) as Record<string, unknown>;
      assert.equal(parsed['consumer'], 'team');
      if (!/cf_|bearer|basic/i.test(method)) assert.equal(parsed['method'] ?? '', method.slice(0, 32));
    }),
    { numRuns: 5_000 },
  );
});
