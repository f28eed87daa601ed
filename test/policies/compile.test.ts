import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PolicySpec } from '../../sidecar/core/resources.ts';
import { judge, type RuleIndex } from '../../sidecar/core/rule-index.ts';
import { createPolicyCompiling } from '../../sidecar/policies/compile.ts';
import { createAddressMatcher } from '../../sidecar/snapshot/address-matcher.ts';
import { askedOf } from '../support/asked.ts';
import { defaults } from '../support/deciding.ts';

interface Caller {
  readonly id: string;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const failed: string[] = [];
const {
  check,
  compiler: compilerOf,
  subjectsOf,
} = createPolicyCompiling({
  createAddressMatcher,
  conditionFailed: (policy) => failed.push(policy),
});
const nowMs = Date.parse('2026-11-23T12:00:00Z');
const team: Caller = { id: 'team', groups: ['search', 'eu'], labels: { tier: 'gold', region: 'eu' } };

function effectOf(
  policies: readonly PolicySpec[],
  path: string,
  {
    caller = team,
    method = 'GET',
    upstream = 'api',
    headers = {},
    scopes = undefined as readonly string[] | undefined,
  } = {},
): string {
  const { id: consumerId, groups, labels } = caller;
  const asked = askedOf({ consumerId, groups, labels, method, path, nowMs, headers, policies: scopes });
  const verdict = judge([indexOf(policies, upstream), indexOf(policies, '*')], asked);
  return verdict?.effect ?? 'none';
}

/** The policies that name an upstream, by subject. */
function indexOf(policies: readonly PolicySpec[], upstream: string): RuleIndex {
  const named = policies.map((spec, i) => ({ id: `p${String(i)}`, spec })).filter(({ spec }) => spec.upstreams.includes(upstream)); // prettier-ignore
  const subjects = new Set(named.flatMap(({ spec }) => [...subjectsOf(spec)]));
  return new Map(
    [...subjects].map((subject) => {
      const compiler = compilerOf(subject);
      for (const policy of named) {
        check(policy.spec);
        if (subjectsOf(policy.spec).has(subject)) compiler.add(policy);
      }
      return [subject, compiler.finish()];
    }),
  );
}

const allow = (spec: Partial<PolicySpec>): PolicySpec => ({ ...defaults.policy, consumers: ['team'], ...spec });
const deny = (spec: Partial<PolicySpec>): PolicySpec => allow({ ...spec, effect: 'deny' });

describe('policies', () => {
  const paths: [string, string, boolean][] = [
    ['/v1/chat', '/v1/chat', true],
    ['/v1/chat', '/v1/chat/', false],
    ['/v1/chat/', '/v1/chat/', true],
    ['/v1/chat', '/v1/chat/completions', false],
    ['/v1/*', '/v1/chat', true],
    ['/v1/*', '/v1', false],
    ['/v1/*', '/v1/', false],
    ['/v1/*', '/v1/a/b', false],
    ['/v1/**', '/v1', true],
    ['/v1/**', '/v1/a/b/c', true],
    ['/**', '/', true],
    ['/', '/', true],
    ['/', '/a', false],
    ['/**/files', '/files', true],
    ['/**/files', '/a/b/files', true],
    ['/**/files', '/a/b/files/c', false],
    ['/a/**/z/*', '/a/z/z/y', true],
    ['/models/*:generateContent', '/models/gemini-2.5:generateContent', true],
    ['/models/*:generateContent', '/models/gemini-2.5:streamGenerateContent', false],
    ['/models/gpt-*-mini*', '/models/gpt-5-mini-2026', true],
    ['/models/gpt-*-mini*', '/models/gpt-mini', false],
    ['/models/a*a', '/models/a', false],
    ['/deployments/gpt 4/**', '/deployments/gpt%204/chat', true],
    ['/v1/chat', '/V1/chat', false],
  ];
  for (const [pattern, path, matches] of paths) {
    it(`${pattern} ${matches ? 'matches' : 'does not match'} ${path}`, () => {
      assert.equal(effectOf([allow({ paths: [pattern] })], path), matches ? 'allow' : 'none');
    });
  }

  it('matches methods exactly: HEAD is not GET', () => {
    assert.equal(effectOf([allow({ methods: ['GET'] })], '/a'), 'allow');
    assert.equal(effectOf([allow({ methods: ['GET'] })], '/a', { method: 'HEAD' }), 'none');
    assert.equal(effectOf([allow({ methods: ['GET'] })], '/a', { method: 'get' }), 'none');
  });

  it('names subjects by consumer, by group, or by all labels of the set', () => {
    const nobody = { consumers: [], groups: [], labels: {} };
    assert.equal(effectOf([allow({ ...nobody, groups: ['eu'] })], '/a'), 'allow');
    assert.equal(effectOf([allow({ ...nobody, labels: { tier: 'gold', region: 'eu' } })], '/a'), 'allow');
    assert.equal(effectOf([allow({ ...nobody, labels: { tier: 'gold', region: 'us' } })], '/a'), 'none');
    assert.equal(effectOf([allow({ ...nobody, consumers: ['*'] })], '/a'), 'allow');
    assert.equal(effectOf([allow({ ...nobody, consumers: ['other'], groups: ['eu'] })], '/a'), 'allow');
    assert.equal(effectOf([allow(nobody)], '/a'), 'none');
  });

  it('lets deny win, also by a policy of every upstream', () => {
    assert.equal(effectOf([allow({}), deny({ upstreams: ['*'], paths: ['/admin/**'] })], '/admin/x'), 'deny');
    assert.equal(effectOf([allow({ upstreams: ['*'] }), deny({ paths: ['/admin'] })], '/admin'), 'deny');
    assert.equal(effectOf([allow({ upstreams: ['*'] })], '/x', { upstream: 'any' }), 'allow');
    assert.equal(effectOf([allow({})], '/x', { upstream: 'any' }), 'none');
  });

  it('denies what a lenient server would read as the denied path', () => {
    const policies = [allow({}), deny({ paths: ['/admin'] })];
    for (const path of ['/admin', '/admin/', '/admin;x', '/admin;a=1/'])
      assert.equal(effectOf(policies, path), 'deny', path);
    assert.equal(effectOf(policies, '/administration'), 'allow');
  });

  it('says nothing any more from the moment it expires', () => {
    const until = (ms: number): string => new Date(ms).toISOString();
    assert.equal(effectOf([allow({ expires_at: until(nowMs) })], '/a'), 'none');
    assert.equal(effectOf([allow({ expires_at: until(nowMs + 1) })], '/a'), 'allow');
    assert.equal(effectOf([allow({}), deny({ expires_at: until(nowMs) })], '/a'), 'allow');
  });

  it('says nothing before it begins, and outside its schedule', () => {
    const from = (ms: number): string => new Date(ms).toISOString();
    assert.equal(effectOf([allow({ not_before: from(nowMs) })], '/a'), 'allow');
    assert.equal(effectOf([allow({ not_before: from(nowMs + 1) })], '/a'), 'none');
    assert.equal(effectOf([allow({}), deny({ not_before: from(nowMs + 1) })], '/a'), 'allow');
    const schedule = { zone: 'UTC', days: ['mon'], hours: '12:00-13:00' };
    assert.equal(effectOf([allow({ schedule })], '/a'), 'allow');
    assert.equal(effectOf([allow({ schedule: { ...schedule, days: ['tue'] } })], '/a'), 'none');
    assert.equal(effectOf([allow({}), deny({ schedule })], '/a'), 'deny');
  });

  it('speaks only where its condition is true', () => {
    const headers = { 'x-cf-arg-model': 'gpt-5' };
    assert.equal(effectOf([allow({ when: 'request.model == "gpt-5"' })], '/a', { headers }), 'allow');
    assert.equal(effectOf([allow({ when: 'request.model == "gpt-4"' })], '/a', { headers }), 'none');
    assert.equal(effectOf([allow({}), deny({ when: 'request.model == "gpt-5"' })], '/a', { headers }), 'deny');
    assert.equal(effectOf([allow({}), deny({ when: 'request.model == "gpt-4"' })], '/a', { headers }), 'allow');
    assert.equal(effectOf([allow({ when: 'false' }), allow({ when: 'true' })], '/a'), 'allow');
  });

  it('takes a condition that cannot be evaluated for a denial, whichever effect, and tells of it', () => {
    failed.length = 0;
    const unknown = 'request.model == "gpt-5"';
    assert.equal(effectOf([allow({ when: unknown })], '/a'), 'none');
    assert.deepEqual(failed, ['p0']);
    assert.equal(effectOf([allow({}), deny({ when: unknown })], '/a'), 'deny');
    assert.equal(effectOf([allow({}), deny({ when: unknown, paths: ['/b'] })], '/a'), 'allow');
    assert.deepEqual(failed, ['p0', 'p1']);
  });

  it('asks a deny condition about the path as a lenient server reads it, too', () => {
    const policies = [allow({}), deny({ when: 'request.path == "/admin"' })];
    for (const path of ['/admin', '/admin/', '/admin;x']) assert.equal(effectOf(policies, path), 'deny', path);
    assert.equal(effectOf([allow({ when: 'request.path == "/admin"' })], '/admin/'), 'none');
  });

  it('lets a narrowed token use the named policies only, and denies it as before', () => {
    const policies = [allow({ paths: ['/a'] }), allow({ paths: ['/**'] })];
    assert.equal(effectOf(policies, '/a', { scopes: ['p0'] }), 'allow');
    assert.equal(effectOf(policies, '/b', { scopes: ['p0'] }), 'none');
    assert.equal(effectOf(policies, '/a', { scopes: [] }), 'none');
    assert.equal(effectOf([...policies, deny({})], '/a', { scopes: ['p0', 'p1'] }), 'deny');
  });

  it('says what is wrong with a policy that cannot be compiled', () => {
    assert.throws(() => { check(allow({ paths: ['/**/a/**'] })); }, /more than once/); // prettier-ignore
    assert.throws(() => { check(allow({ paths: ['v1'] })); }, /start with/); // prettier-ignore
    assert.throws(() => { check(allow({ expires_at: 'soon' })); }, /RFC 3339/); // prettier-ignore
    assert.throws(() => { check(allow({ when: 'tenant' })); }, /tenant/); // prettier-ignore
    assert.throws(() => { check(allow({ schedule: { zone: 'Mars', days: [] } })); }, /time zone/); // prettier-ignore
  });

  it('agrees with a naive reading of the documentation on random policies', () => {
    const segment = fc.constantFrom('a', 'b', 'ab', '*', '**', 'a*');
    const pattern = fc.array(segment, { maxLength: 4 }).filter((s) => s.filter((x) => x === '**').length < 2).map((s) => `/${s.join('/')}`); // prettier-ignore
    const policy = fc.record({
      effect: fc.constantFrom('allow' as const, 'deny' as const),
      consumers: fc.subarray(['team', 'other', '*'], { maxLength: 1 }),
      groups: fc.subarray(['search', 'none']),
      labels: fc.constantFrom<Record<string, string>>(
        {},
        { tier: 'gold' },
        { tier: 'gold', region: 'us' },
        { region: 'eu' },
      ),
      upstreams: fc.constantFrom(['api'], ['*'], ['other']),
      methods: fc.constantFrom<string[]>([], ['GET'], ['POST']),
      paths: fc.array(pattern, { maxLength: 2 }),
      expires_at: fc.constantFrom(undefined, '2026-11-23T11:00:00Z', '2026-11-23T13:00:00Z'),
    });
    const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'c'), { maxLength: 5 }).map((s) => `/${s.join('/')}`);
    fc.assert(
      fc.property(fc.array(policy, { maxLength: 6 }), path, (policies, wanted) => {
        assert.equal(effectOf(policies, wanted), naively(policies, wanted));
      }),
      { numRuns: 20_000 },
    );
  });
});

/** Straight from docs/resources.md: patterns as regular expressions, every policy looked at. */
function naively(policies: readonly PolicySpec[], path: string): string {
  const meant = policies.filter((policy) => {
    const labels = Object.entries(policy.labels);
    const subject =
      policy.consumers.some((id) => id === '*' || id === team.id) ||
      policy.groups.some((group) => team.groups.includes(group)) ||
      (labels.length > 0 && labels.every(([name, value]) => team.labels[name] === value));
    const live = policy.expires_at === undefined || Date.parse(policy.expires_at) > nowMs;
    const upstream = policy.upstreams.some((id) => id === '*' || id === 'api');
    const method = policy.methods.length === 0 || policy.methods.includes('GET');
    const paths = policy.paths.length === 0 || policy.paths.some((pattern) => toRegExp(pattern).test(path));
    return subject && live && upstream && method && paths;
  });
  if (meant.some((policy) => policy.effect === 'deny')) return 'deny';
  return meant.length > 0 ? 'allow' : 'none';
}

function toRegExp(pattern: string): RegExp {
  if (pattern === '/') return /^\/$/;
  const parts = pattern.slice(1).split('/').map((part) =>
    part === '**' ? '(?:/[^/]+)*' : part === '*' ? '/[^/]+' : `/${part.replaceAll('*', '[^/]*')}`,
  ); // prettier-ignore
  return new RegExp(`^${parts.join('')}/?$`.replace('/?$', pattern === '/**' ? '/?$' : '$'));
}
