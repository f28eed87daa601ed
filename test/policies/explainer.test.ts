import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import { createPolicyCompiling } from '../../sidecar/policies/compile.ts';
import { explain, type Asked, type Explanation } from '../../sidecar/policies/explainer.ts';
import { createAddressMatcher } from '../../sidecar/snapshot/address-matcher.ts';
import { deciding, question, resource, snapshotOf, usual } from '../support/deciding.ts';

const policies = createPolicyCompiling({ createAddressMatcher, conditionFailed: () => undefined });
const usually: Asked = {
  upstream: 'api',
  method: 'POST',
  uri: '/api/v1/chat?alt=sse',
  headers: {},
  nowMs: Date.parse('2026-11-23T12:00:00Z'),
  who: { consumer: 'team' },
};

async function explained(asked: Partial<Asked> = {}, more: readonly ResourceRecord[] = []): Promise<Explanation> {
  const snapshot = await snapshotOf([...usual(), ...more]);
  const { validators, stateAgeMs, recorded } = deciding(snapshot);
  const explanation = await explain(
    { ...usually, ...asked },
    { snapshot, policies, validators, stateAgeMs, placeOf: async (id) => (id === 'chat' ? 'r.yaml:7' : undefined) },
  );
  assert.deepEqual(recorded, [], 'an explanation is not a decision');
  const text = JSON.stringify(explanation);
  for (const secret of ['upstream-secret', 'cf_team', 'alt=sse']) assert.ok(!text.includes(secret), secret);
  return explanation;
}
const resultsOf = ({ steps }: Explanation): string => steps.map(({ result }) => result).join(' ');

describe('what an explanation says of limits', () => {
  const limits = [
    resource('limit', 'few', { most: 2 }),
    resource('limit', 'money', { measure: 'cost', most: 2_500_000, window_ms: 86_400_000, per: ['upstream'] }),
    resource('limit', 'others', { most: 0, consumers: ['nobody'] }),
  ];
  async function used(times: number, asked: Partial<Asked> = {}): Promise<Explanation> {
    const ctx = deciding(await snapshotOf([...usual(), ...limits]));
    for (let i = 0; i < times; i++) await decide(question(), ctx);
    const { snapshot: current, validators, stateAgeMs, limiter: view } = ctx;
    const snapshot = current() ?? assert.fail();
    const deps = { snapshot, policies, validators, stateAgeMs, limits: view };
    const first = await explain({ ...usually, limited: true, ...asked }, deps);
    assert.deepEqual(await explain({ ...usually, limited: true, ...asked }, deps), first, 'it takes nothing');
    return first;
  }

  it('is how much is left of each that is meant for the request', async () => {
    const { outcome, limits: shown, steps } = await used(1);
    assert.equal(outcome, 'allow');
    assert.deepEqual(
      shown.map(({ limit, counter, used: taken, left, most }) => [limit, counter, taken, left, most]),
      [
        ['few', 'team', 1, 1, 2],
        ['money', 'api', 0, 2.5, 2.5],
      ],
    );
    assert.deepEqual(steps[8]?.saw['limits'], ['few: 1 of 2 left', 'money: 2.5 of 2.5 left']);
  });

  it('is a refusal where nothing is left', async () => {
    const { outcome, steps, toAllow, credential } = await used(2);
    assert.equal(outcome, 'limit_exceeded');
    assert.equal(steps.find(({ result }) => result === 'refused')?.name, 'limit');
    assert.match(toAllow[0] ?? '', /in 62 s some of what limit "few" counts leaves its window; or raise/);
    assert.equal(credential, undefined);
  });

  it('does not refuse what is asked about another time', async () => {
    const { outcome, limits: shown } = await used(2, { limited: false });
    assert.deepEqual([outcome, shown[0]?.left], ['allow', 0]);
  });
});

describe('an explanation', () => {
  it('has the ten steps, the policy and its place, and the credential that would be used', async () => {
    const { outcome, steps, decidedBy, policies: looked, credential, toAllow } = await explained();
    assert.deepEqual([outcome, steps.length, decidedBy, toAllow], ['allow', 10, 'chat', []]);
    assert.deepEqual([looked[0]?.policy, looked[0]?.place, looked[0]?.matches], ['chat', 'r.yaml:7', true]);
    assert.equal(credential?.id, 'api-main');
    const presented = await explained({ who: { token: 'cf_team' } });
    assert.deepEqual(presented.steps[4], { step: 5, name: 'validate', result: 'passed', saw: { token: 'tok_team', consumer: 'team', groups: ['search'] } }); // prettier-ignore
  });

  it('says at which step it was refused, and reaches no later one', async () => {
    const refused = await explained({ who: { token: 'cf_nobody' } });
    assert.equal(refused.outcome, 'token_unknown');
    assert.equal(resultsOf(refused), 'assumed passed passed passed refused' + ' not reached'.repeat(5));
    const cases: readonly (readonly [Partial<Asked>, string, number])[] = [
      [{ gateway: 'other' }, 'gateway_key_unknown', 1],
      [{ upstream: 'none' }, 'upstream_unknown', 3],
      [{ uri: '/api/v1/../x' }, 'path_ambiguous', 3],
      [{ uri: '/api/v1/chat?key=abc' }, 'token_in_query', 4],
      [{ who: { token: 'no-token' } }, 'token_malformed', 5],
      [{ who: { consumer: 'nobody' } }, 'consumer_unknown', 5],
      [{ method: 'GET' }, 'policy_no_match', 6],
    ];
    for (const [asked, code, step] of cases) {
      const { outcome, steps, toAllow } = await explained(asked);
      assert.equal(outcome, code);
      assert.equal(steps.find(({ result }) => result === 'refused')?.step, step, code);
      assert.ok((toAllow[0] ?? '').length > 0, code);
    }
  });

  it('names what a policy lacks that nearly allowed it', async () => {
    const more = [
      resource('policy', 'small', { consumers: ['team'], paths: ['/v1/files'], when: 'request.model == "small"' }),
      resource('policy', 'old', { consumers: ['team'], paths: ['/v1/files'], expires_at: '2026-01-01T00:00:00Z' }),
      resource('policy', 'later', { consumers: ['team'], schedule: { zone: 'UTC', days: ['sun'] } }),
      resource('policy', 'watch', { consumers: ['team'], mode: 'shadow' }),
    ];
    const { outcome, toAllow, policies: looked, shadow } = await explained({ uri: '/api/v1/files' }, more);
    assert.equal(outcome, 'policy_no_match');
    assert.deepEqual(shadow, { policy: 'watch', effect: 'allow' });
    const failing = looked.map(({ policy, checks }) => [policy, ...checks.filter(({ ok }) => !ok).map(({ check }) => check)]); // prettier-ignore
    assert.deepEqual(failing, [['watch'], ['later', 'schedule'], ['old', 'time'], ['small', 'condition'], ['chat', 'path']]); // prettier-ignore
    assert.match(toAllow.join('\n'), /"watch".*shadow mode/);
    const known = await explained({ uri: '/api/v1/files', headers: { 'x-cf-arg-model': 'large' } }, more);
    assert.match(JSON.stringify(known.policies), /is false/);
  });

  it('names every policy that denies, and one whose condition has no answer', async () => {
    const more = [
      resource('policy', 'no', { effect: 'deny', consumers: ['*'], paths: ['/v1/**'] }),
      resource('policy', 'unsure', { effect: 'deny', groups: ['search'], when: 'request.model == "x"' }),
      resource('policy', 'elsewhere', { effect: 'deny', consumers: ['*'], upstreams: ['other'] }),
    ];
    const { outcome, toAllow, policies: looked } = await explained({}, more);
    assert.equal(outcome, 'policy_denied');
    assert.equal(toAllow.length, 2);
    const unsure = looked.find(({ policy }) => policy === 'unsure');
    assert.match(unsure?.checks.at(-1)?.detail ?? '', /cannot be evaluated.*X-CF-Arg-model.*so it denies/);
  });

  it('knows a narrowed token', async () => {
    const { outcome, toAllow } = await explained({ who: { consumer: 'team', scopes: ['other'] } });
    assert.equal(outcome, 'policy_no_match');
    assert.match(toAllow[0] ?? '', /scope: the token is narrowed/);
  });

  it('knows what a token of another issuer said', async () => {
    const more = [
      resource('issuer', 'corp', { consumers: 'any' }),
      resource('policy', 'ops', { groups: ['ops'], methods: ['GET'] }),
    ];
    const issued = { issuer: 'corp', groups: ['ops'], scopes: ['read'], revocationKeys: ['corp token jwt_1'] };
    const who = { consumer: 'corp/jane', tokenId: 'jwt_1', issued };
    const allowed = await explained({ method: 'GET', who }, more);
    assert.deepEqual([allowed.outcome, allowed.decidedBy], ['allow', 'ops']);
    assert.deepEqual(allowed.steps[4]?.saw, { token: 'jwt_1', consumer: 'corp/jane', groups: ['ops'], issuer: 'corp', scopes: ['read'] }); // prettier-ignore
    const without = await explained({ method: 'GET', who: { ...who, issued: { ...issued, groups: [] } } }, more);
    assert.equal(without.outcome, 'policy_no_match');
    const gone = await explained({ who: { ...who, issued: { ...issued, issuer: 'gone' } } }, more);
    assert.equal(gone.outcome, 'issuer_unknown');
    const denied = resource('revocation', 'r', { issuer: 'corp', token: 'jwt_1' });
    assert.equal((await explained({ method: 'GET', who }, [...more, denied])).outcome, 'token_revoked');
  });
});
