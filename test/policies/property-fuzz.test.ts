/**
 * 200,000 random policy sets and requests: the compiled policies and a naive reading of the documents agree.
 * It takes about ten seconds. POLICY_RUNS says another number, POLICY_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PolicySpec } from '../../sidecar/core/resources.ts';
import { judge, type RuleIndex } from '../../sidecar/core/rule-index.ts';
import { createPolicyCompiling } from '../../sidecar/policies/compile.ts';
import { createAddressMatcher } from '../../sidecar/snapshot/address-matcher.ts';
import { createNesting } from '../../sidecar/snapshot/nesting.ts';
import { askedOf } from '../support/asked.ts';
import { allGroups, judgeNaively, type Answer, type NaivePolicy, type NaiveRequest } from './naive.ts';

const runs = Number(process.env['POLICY_RUNS'] ?? 200_000);
const seed = Number(process.env['POLICY_SEED'] ?? Date.now() % 1_000_000_007);

/** Mulberry32: the same numbers for the same seed. */
function createRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = createRandom(seed);
const upTo = (most: number): number => Math.floor(random() * (most + 1));
const chance = (share: number): boolean => random() < share;
const pick = <T>(values: readonly T[]): T => values[upTo(values.length - 1)] as T;
const some = <T>(values: readonly T[], share = 0.4): readonly T[] => values.filter(() => chance(share));
const sometimes = <T>(share: number, make: () => T): T | undefined => (chance(share) ? make() : undefined);
function listOf<T>(most: number, make: () => T): readonly T[] {
  const list: T[] = [];
  for (let left = upTo(most); left > 0; left--) list.push(make());
  return list;
}

const consumers = ['team', 'other', 'third'];
const groupNames = ['g1', 'g2', 'g3', 'g4'];
const labelSets: readonly Readonly<Record<string, string>>[] = [{}, { tier: 'gold' }, { tier: 'gold', eu: '1' }, { eu: '1' }, { eu: '2' }]; // prettier-ignore
const methods = ['GET', 'POST', 'DELETE'];
const models = ['gpt-5', 'gpt-5-mini', 'o9', ''];
const addresses = ['10.1.2.3', '203.0.113.7', '2001:db8::1'];
const monday = Date.parse('2026-11-23T00:00:00Z');
const minuteMs = 60_000;

interface Condition {
  readonly cel: string;
  readonly naive: (request: NaiveRequest) => Answer;
}

/** A field that the gateway may not have passed. */
const passed = (test: (value: string) => boolean, read: (request: NaiveRequest) => string | undefined) => (request: NaiveRequest): Answer => {
  const value = read(request);
  return value === undefined ? 'error' : test(value);
}; // prettier-ignore
const byModel = (test: (value: string) => boolean) => passed(test, ({ model }) => model);
const byAddress = (test: (value: string) => boolean) => passed(test, ({ address }) => address);

const atoms: readonly Condition[] = [
  { cel: 'request.model == "gpt-5"', naive: byModel((model) => model === 'gpt-5') },
  { cel: 'request.model in ["o9", "gpt-5-mini"]', naive: byModel((model) => ['o9', 'gpt-5-mini'].includes(model)) },
  { cel: 'request.model.startsWith("gpt-")', naive: byModel((model) => model.startsWith('gpt-')) },
  { cel: 'source.inside("10.0.0.0/8")', naive: byAddress((address) => address.startsWith('10.')) },
  { cel: 'source.inside("2001:db8::/32")', naive: byAddress((address) => address.startsWith('2001:db8:')) },
  { cel: 'consumer.id == "team"', naive: ({ consumer }) => consumer === 'team' },
  { cel: '"g3" in consumer.groups', naive: ({ groups }) => groups.includes('g3') },
  { cel: 'consumer.labels.tier == "gold"', naive: ({ labels }) => (labels['tier'] === undefined ? 'error' : labels['tier'] === 'gold') }, // prettier-ignore
  { cel: 'has(consumer.labels.eu)', naive: ({ labels }) => labels['eu'] !== undefined },
  { cel: 'request.method == "POST"', naive: ({ method }) => method === 'POST' },
  { cel: 'request.path == "/a/b"', naive: ({ path }) => path === '/a/b' },
  { cel: 'request.segments.size() < 3', naive: ({ path }) => path === '/' || path.split('/').length < 4 },
  { cel: '!request.path.endsWith("/")', naive: ({ path }) => !path.endsWith('/') },
  { cel: 'request.segments.exists(s, s == "b")', naive: ({ path }) => path.slice(1).split('/').includes('b') },
  { cel: '"p1" in token.scopes', naive: ({ scopes }) => scopes?.includes('p1') ?? false },
  { cel: 'time.at("UTC").hour < 12', naive: ({ nowMs }) => new Date(nowMs).getUTCHours() < 12 },
  { cel: 'time.at("Asia/Tokyo").weekday == "tue"', naive: ({ nowMs }) => new Date(nowMs + 9 * 3_600_000).getUTCDay() === 2 }, // prettier-ignore
  { cel: 'true', naive: () => true },
  { cel: 'false', naive: () => false },
];

function randomCondition(depth: number): Condition {
  if (depth === 0 || chance(0.5)) return pick(atoms);
  const left = randomCondition(depth - 1);
  if (chance(0.25)) {
    return { cel: `!(${left.cel})`, naive: (request) => negate(left.naive(request)) };
  }
  const right = randomCondition(depth - 1);
  return chance(0.5)
    ? { cel: `(${left.cel}) && (${right.cel})`, naive: (request) => settle(false, left.naive(request), right.naive(request)) } // prettier-ignore
    : { cel: `(${left.cel}) || (${right.cel})`, naive: (request) => settle(true, left.naive(request), right.naive(request)) }; // prettier-ignore
}

/** Made once: reading CEL anew for each policy would take most of the time, and is not what is compared here. */
const conditions = Array.from({ length: 3_000 }, () => randomCondition(2));

const negate = (answer: Answer): Answer => (answer === 'error' ? answer : !answer);

/** "`&&` and `||` decide without the side that has no answer where the other side settles it." */
function settle(settling: boolean, left: Answer, right: Answer): Answer {
  if (left === settling || right === settling) return settling;
  return left === 'error' || right === 'error' ? 'error' : !settling;
}

function randomPattern(): string {
  const segments = listOf(4, () => pick(['a', 'b', 'ab', '*', 'a*', '*b', '**']));
  const once = segments.filter((segment, at) => segment !== '**' || segments.indexOf('**') === at);
  const last = once.length > 0 && once.at(-1) !== '**' && chance(0.05) ? '/' : '';
  return `/${once.join('/')}${last}`;
}

function randomPolicy(at: number): { readonly naive: NaivePolicy; readonly spec: PolicySpec } {
  const condition = sometimes(0.5, () => pick(conditions));
  const around = (): number => monday + upTo(7 * 1_440) * minuteMs;
  const notBeforeMs = sometimes(0.15, around);
  const expiresAtMs = sometimes(0.15, around);
  const schedule = sometimes(0.2, () => ({ days: some(['mon', 'tue', 'wed', 'sat', 'sun']), from: upTo(23) * 60, to: upTo(23) * 60 + 30 })); // prettier-ignore
  const clock = (minutes: number): string => new Date(minutes * minuteMs).toISOString().slice(11, 16);
  const shadow = chance(0.1);
  const base = {
    effect: pick(['allow', 'allow', 'deny'] as const),
    consumers: some([...consumers, '*'], 0.25),
    groups: some(groupNames, 0.3),
    labels: pick(labelSets),
    upstreams: pick([['api'], ['*'], ['other'], ['api', 'other']]),
    methods: chance(0.5) ? [] : some(methods),
    paths: listOf(2, randomPattern),
  };
  return {
    naive: { id: `p${at}`, ...base, notBeforeMs, expiresAtMs, schedule, condition: condition?.naive, shadow },
    spec: {
      ...base,
      ...(notBeforeMs === undefined ? {} : { not_before: new Date(notBeforeMs).toISOString() }),
      ...(expiresAtMs === undefined ? {} : { expires_at: new Date(expiresAtMs).toISOString() }),
      ...(schedule === undefined ? {} : { schedule: { zone: 'UTC', days: schedule.days, hours: `${clock(schedule.from)}-${clock(schedule.to)}` } }), // prettier-ignore
      ...(condition === undefined ? {} : { when: condition.cel }),
      ...(shadow ? { mode: 'shadow' } : {}),
    },
  };
}

function randomRequest(groups: readonly string[]): NaiveRequest {
  const segments = listOf(4, () => pick(['a', 'b', 'ab', 'aab', 'c']) + (chance(0.05) ? ';x=1' : ''));
  return {
    consumer: pick(consumers),
    groups,
    labels: pick(labelSets),
    scopes: sometimes(0.2, () => some(['p0', 'p1', 'p2'])),
    upstream: pick(['api', 'api', 'other']),
    method: pick(methods),
    path: `/${segments.join('/')}${segments.length > 0 && chance(0.25) ? '/' : ''}`,
    model: sometimes(0.7, () => pick(models)),
    address: sometimes(0.8, () => pick(addresses)),
    // Schedules begin and end on halves of an hour.
    nowMs: chance(0.5) ? monday + upTo(7 * 48) * 30 * minuteMs : monday + upTo(7 * 1_440) * minuteMs + upTo(59_999),
  };
}

const compiling = createPolicyCompiling({ createAddressMatcher, conditionFailed: () => undefined });

/** As the snapshot puts policies into tables: by upstream, then by subject. */
function indexOf(policies: readonly { readonly id: string; readonly spec: PolicySpec }[], upstream: string): RuleIndex {
  const rules = new Map<string, ReturnType<typeof compiling.compiler>>();
  for (const policy of policies) {
    if (!policy.spec.upstreams.includes(upstream) || policy.spec.mode === 'shadow') continue;
    for (const subject of compiling.subjectsOf(policy.spec)) {
      const compiler = rules.get(subject) ?? compiling.compiler(subject);
      compiler.add(policy);
      rules.set(subject, compiler);
    }
  }
  return new Map([...rules].map(([subject, compiler]) => [subject, compiler.finish()]));
}

it(`compiled policies agree with a naive reading of the documents (${runs} runs, POLICY_SEED=${seed})`, (t) => {
  const seen = { allow: 0, deny: 0, none: 0 };
  for (let run = 0; run < runs; run++) {
    let at = 0;
    const made = listOf(6, () => randomPolicy(at++));
    const memberOf = Object.fromEntries(some(groupNames, 0.3).map((group) => [group, some(groupNames, 0.3)]));
    const own = some(groupNames, 0.3);
    const groups = createNesting(new Map(Object.entries(memberOf))).allOf(own) ?? assert.fail();
    assert.equal([...groups].sort().join(), [...allGroups(own, memberOf)].sort().join());
    const request = randomRequest(groups);
    const policies = made.map(({ naive, spec }) => ({ id: naive.id, spec }));
    for (const { spec } of policies) compiling.check(spec);
    const asked = askedOf({
      consumerId: request.consumer,
      groups,
      labels: request.labels,
      policies: request.scopes,
      token: { tokenId: 'tok', expiresAtMs: 9e12, policies: request.scopes },
      method: request.method,
      path: request.path,
      nowMs: request.nowMs,
      headers: { 'x-cf-arg-model': request.model, 'x-forwarded-for': request.address },
    });
    const verdict = judge([indexOf(policies, request.upstream), indexOf(policies, '*')], asked);
    const expected = judgeNaively(made.map(({ naive }) => naive), request); // prettier-ignore
    const found = verdict?.effect ?? 'none';
    const context = (): string => `run ${run} of seed ${seed}: ${JSON.stringify({ request, memberOf, policies })}`;
    assert.equal(found, expected.effect, found === expected.effect ? '' : context());
    if (verdict !== undefined && !expected.by.includes(verdict.rule.policyId)) assert.fail(context());
    seen[found]++;
  }
  t.diagnostic(`${runs} runs: ${JSON.stringify(seen)}, seed ${seed}`);
  // A generator that never gets past "none" would prove little.
  for (const count of Object.values(seen)) assert.ok(count > runs / 50, JSON.stringify(seen));
});
