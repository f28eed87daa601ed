import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { createLineWriter, type DecisionRecord } from '../../sidecar/audit/record.ts';

const record: DecisionRecord = {
  atMs: Date.UTC(2026, 10, 24),
  decisionId: 'd_1',
  requestId: 'r1',
  traceparent: undefined,
  reason: 'policy_denied',
  gateway: 'default',
  upstream: 'api',
  method: 'POST',
  target: '/v1/x?secret=1',
  consumer: 'team',
  tokenId: 'tok_1',
  policyId: 'p',
  credentialId: '',
  credentialVersion: '',
  durationMs: 0.0124,
};

it('writes one line of JSON, without empty fields and without the query', () => {
  assert.deepEqual(JSON.parse(createLineWriter()(record)), {
    time: '2026-11-24T00:00:00.000Z',
    event: 'decision',
    decision: 'd_1',
    request_id: 'r1',
    outcome: 'deny',
    code: 'policy_denied',
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

it('stays one line of JSON whatever a client sent', () => {
  const lineOf = createLineWriter();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (method, requestId) => {
      const line = lineOf({ ...record, method, requestId, target: `/${requestId}` });
      assert.ok(!line.includes('\n'));
      const parsed = JSON.parse(line) as Record<string, unknown>;
      assert.equal(parsed['consumer'], 'team');
      if (!/cf_|bearer|basic/i.test(method)) assert.equal(parsed['method'] ?? '', method);
    }),
    { numRuns: 5_000 },
  );
});
