import type { DenialCode } from './codes.ts';
import type { DecisionContext, Question } from './decision.ts';
import { findConsumer } from './find-consumer.ts';
import { tokenSlotHeaders } from './preset.ts';
import type { Validation } from './ports.ts';
import type { ConsumerEntry, PolicyEntry, Snapshot } from './snapshot.ts';

/** What a token's holder may know of it: who am I, what may I call, until when. Never a secret, never others' rights. */
export interface TokenDescription {
  readonly token: {
    readonly id: string;
    readonly not_before: string | null;
    readonly expires_at: string;
    /** Whose token it is; not there for our own. */
    readonly issuer?: string;
    readonly scopes?: readonly string[];
  };
  readonly consumer: { readonly id: string; readonly groups: readonly string[] };
  readonly allowed: readonly RightDescription[];
  readonly denied: readonly RightDescription[];
}

export interface RightDescription {
  readonly policy: string;
  readonly upstreams: readonly string[];
  /** Empty: every method. */
  readonly methods: readonly string[];
  /** Empty: every path. */
  readonly paths: readonly string[];
  readonly until: string | null;
  /** Whether it holds only at times, or under a condition (`not_before`, `schedule`, `when`). */
  readonly conditional: boolean;
}

/** A denial code, or the description of the presented token. */
export async function describeToken(
  question: Question,
  ctx: Pick<DecisionContext, 'snapshot' | 'validators' | 'clock'>,
): Promise<TokenDescription | { readonly deny: DenialCode }> {
  const token = presentedToken(question);
  if (typeof token !== 'string') return token;
  const validator = ctx.validators.find((candidate) => candidate.accepts(token));
  if (validator === undefined) return { deny: 'token_malformed' };
  const facts = await validator.validate(token);
  const snapshot = ctx.snapshot();
  if (snapshot === undefined) return { deny: 'not_ready' };
  return describe(facts, snapshot, ctx.clock.now());
}

function presentedToken(question: Question): string | { readonly deny: DenialCode } {
  const values = new Set<string>();
  for (const name of tokenSlotHeaders) {
    const value = question.headers[name]?.trim().replace(/^bearer +/i, '');
    if (value === undefined || value === '') continue;
    if (question.conflicting.includes(name)) return { deny: 'token_conflict' };
    values.add(value);
  }
  const [token] = values;
  if (token === undefined) return { deny: 'token_missing' };
  return values.size > 1 ? { deny: 'token_conflict' } : token;
}

function describe(
  facts: Validation,
  snapshot: Snapshot,
  nowMs: number,
): TokenDescription | { readonly deny: DenialCode } {
  if ('deny' in facts) return facts;
  // A token that is not valid yet is described, too: its holder may want to know from when on it is.
  const consumer = findConsumer({ ...facts, notBeforeMs: 0 }, snapshot, nowMs);
  if ('deny' in consumer) return consumer;
  const policies = policiesOf(facts.consumerId, consumer, snapshot, nowMs, facts.policies);
  return {
    token: {
      id: facts.tokenId,
      not_before: facts.notBeforeMs > 0 ? new Date(facts.notBeforeMs).toISOString() : null,
      expires_at: new Date(facts.expiresAtMs).toISOString(),
      ...(facts.issued && { issuer: facts.issued.issuer.id, scopes: facts.issued.scopes }),
    },
    consumer: { id: facts.consumerId, groups: consumer.groups },
    allowed: policies.filter((policy) => policy.spec.effect === 'allow').map(right),
    denied: policies.filter((policy) => policy.spec.effect === 'deny').map(right),
  };
}

function policiesOf(
  id: string,
  consumer: ConsumerEntry,
  snapshot: Snapshot,
  nowMs: number,
  only: readonly string[] | undefined,
): readonly PolicyEntry[] {
  const found = new Set<PolicyEntry>();
  for (const subject of [id, ...consumer.subjects]) {
    for (const policy of snapshot.policiesBySubject.get(subject) ?? []) {
      const { expires_at: expiresAt, labels } = policy.spec;
      if (policy.spec.mode === 'shadow') continue;
      if (expiresAt !== undefined && Date.parse(expiresAt) <= nowMs) continue;
      if (policy.spec.effect === 'allow' && only?.includes(policy.id) === false) continue;
      const byLabels = subject.startsWith('label:');
      if (byLabels && !Object.entries(labels).every(([name, value]) => consumer.labels[name] === value)) continue;
      found.add(policy);
    }
  }
  return [...found];
}

function right(policy: PolicyEntry): RightDescription {
  const { upstreams, methods, paths, expires_at: until, not_before: from, schedule, when } = policy.spec;
  const conditional = [from, schedule, when].some((limit) => limit !== undefined);
  return { policy: policy.id, upstreams, methods, paths, until: until ?? null, conditional };
}
