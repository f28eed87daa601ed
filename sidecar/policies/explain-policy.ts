import { judge, type RuleQuestion, type SubjectRules } from '../core/rule-index.ts';
import type { PolicySpec } from '../core/resources.ts';
import type { PolicyEntry } from '../core/snapshot.ts';

/** One thing that a policy asks for, and whether it is so. */
export interface PolicyCheck {
  readonly check: 'upstream' | 'method' | 'path' | 'time' | 'schedule' | 'condition' | 'scope';
  readonly ok: boolean;
  /** What it asks for, and what was there. */
  readonly detail: string;
}

export interface PolicyExplanation {
  readonly policy: string;
  readonly effect: 'allow' | 'deny';
  readonly shadow: boolean;
  readonly matches: boolean;
  readonly checks: readonly PolicyCheck[];
}

export interface ExplainPolicyDeps {
  readonly compiler: (subject: string) => { add(policy: PolicyEntry): void; finish(): SubjectRules };
  readonly includes: (spec: PolicySpec, ms: number) => boolean;
  /** Throws what evaluation throws. */
  readonly evaluate: (when: string, question: RuleQuestion) => boolean;
}

/** Looks at everything that a policy asks for, where a decision stops at the first thing that is not so. */
export function explainPolicy(
  policy: PolicyEntry,
  upstream: string,
  question: RuleQuestion,
  deps: ExplainPolicyDeps,
): PolicyExplanation {
  const { id, spec } = policy;
  const checks = [
    listed('upstream', spec.upstreams.includes('*') ? [] : spec.upstreams, upstream),
    listed('method', spec.methods, question.method),
    checkPath(spec, question, deps),
    ...checkTimes(spec, question.nowMs, deps),
    ...checkCondition(spec, question, deps),
    ...checkScope(id, spec, question),
  ];
  const matches = checks.every(({ ok }) => ok);
  return { policy: id, effect: spec.effect, shadow: spec.mode === 'shadow', matches, checks };
}

function listed(check: PolicyCheck['check'], wanted: readonly string[], found: string): PolicyCheck {
  if (wanted.length === 0) return { check, ok: true, detail: `every ${check}` };
  const ok = wanted.includes(found);
  return { check, ok, detail: ok ? found : `${found} is not ${oneOf(wanted)}` };
}

function checkPath(spec: PolicySpec, question: RuleQuestion, { compiler }: ExplainPolicyDeps): PolicyCheck {
  const path = `/${question.segments.join('/')}`;
  if (spec.paths.length === 0) return { check: 'path', ok: true, detail: 'every path' };
  const { effect, consumers, groups, upstreams, paths } = spec;
  const one = compiler('*');
  one.add({ id: '', spec: { effect, consumers, groups, labels: {}, upstreams, methods: [], paths } });
  const rules = one.finish();
  const found = judge([{ get: () => rules }], { ...question, policies: undefined });
  const ok = found !== undefined;
  return { check: 'path', ok, detail: ok ? path : `${path} is not ${oneOf(spec.paths)}` };
}

function checkTimes(spec: PolicySpec, nowMs: number, { includes }: ExplainPolicyDeps): readonly PolicyCheck[] {
  const checks: PolicyCheck[] = [];
  const { not_before: from, expires_at: until, schedule } = spec;
  if (from !== undefined) checks.push({ check: 'time', ok: nowMs >= Date.parse(from), detail: `from ${from} on` });
  if (until !== undefined) checks.push({ check: 'time', ok: nowMs < Date.parse(until), detail: `until ${until}` });
  if (schedule !== undefined) {
    const days = schedule.days.length === 0 ? 'every day' : schedule.days.join(', ');
    const detail = `${days} ${schedule.hours ?? 'all day'} in ${schedule.zone}`;
    checks.push({ check: 'schedule', ok: includes(spec, nowMs), detail });
  }
  return checks;
}

function checkCondition(
  { when, effect }: PolicySpec,
  question: RuleQuestion,
  { evaluate }: ExplainPolicyDeps,
): readonly PolicyCheck[] {
  if (when === undefined) return [];
  try {
    const asked = [question];
    if (effect === 'deny' && question.lenientSegments !== question.segments) {
      asked.push({ ...question, segments: question.lenientSegments });
    }
    const ok = asked.some((one) => evaluate(when, one));
    return [{ check: 'condition', ok, detail: `${when} is ${String(ok)}` }];
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it failed';
    const meaning = effect === 'deny' ? 'so it denies' : 'so it does not allow';
    return [{ check: 'condition', ok: effect === 'deny', detail: `${when} cannot be evaluated (${why}), ${meaning}` }];
  }
}

function checkScope(id: string, { effect }: PolicySpec, { policies }: RuleQuestion): readonly PolicyCheck[] {
  if (effect === 'deny' || policies === undefined) return [];
  const ok = policies.includes(id);
  return [{ check: 'scope', ok, detail: ok ? 'the token may use it' : 'the token is narrowed to other policies' }];
}

const shown = 5;

function oneOf(values: readonly string[]): string {
  const list = values.slice(0, shown).join(', ');
  return values.length > shown ? `${list} or ${values.length - shown} more` : list;
}
