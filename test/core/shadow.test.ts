import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { Decision } from '../../sidecar/core/decision.ts';
import type { PolicySpec } from '../../sidecar/core/resources.ts';
import { deciding, outcomeOf, question, resource, snapshotOf, usual } from '../support/deciding.ts';

async function decideWith(policies: Readonly<Record<string, Partial<PolicySpec>>>, path = '/v1/chat') {
  const records = Object.entries(policies).map(([id, spec]) =>
    resource('policy', id, { consumers: ['team'], mode: 'shadow', ...spec }),
  );
  const ctx = deciding(await snapshotOf([...usual(), ...records]));
  const decision = decide(question({ 'x-cf-raw-uri': `/api${path}` }), ctx) as Decision;
  const { shadow } = decision.deliberation;
  return [outcomeOf(decision), shadow?.effect, shadow?.rule.policyId];
}

describe('a policy in shadow mode', () => {
  it('decides nothing and says what it would have denied', async () => {
    assert.deepEqual(await decideWith({ watch: { effect: 'deny' } }), ['allow', 'deny', 'watch']);
    assert.deepEqual(await decideWith({ watch: { effect: 'deny', upstreams: ['*'] } }), ['allow', 'deny', 'watch']);
  });

  it('decides nothing and says what it would have allowed', async () => {
    assert.deepEqual(await decideWith({ watch: {} }, '/v1/files'), ['policy_no_match', 'allow', 'watch']);
  });

  it('says nothing where it would have changed nothing', async () => {
    assert.deepEqual(await decideWith({ watch: {} }), ['allow', undefined, undefined]);
    assert.deepEqual(await decideWith({ watch: { effect: 'deny', paths: ['/other'] } }), [
      'allow',
      undefined,
      undefined,
    ]);
    assert.deepEqual(await decideWith({ watch: { effect: 'deny' } }, '/v1/files'), [
      'policy_no_match',
      undefined,
      undefined,
    ]);
    const denied = { no: { effect: 'deny', mode: undefined }, watch: { effect: 'deny' } } as const;
    assert.deepEqual(await decideWith(denied), ['policy_denied', undefined, undefined]);
  });
});
