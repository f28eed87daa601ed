import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import type { JudgedPath } from '../path.ts';
import { judge, type RuleIndex, type RuleQuestion, type Verdict } from '../rule-index.ts';
import type { ConsumerEntry, UpstreamEntry } from '../snapshot.ts';

/** Step 6. Deny rules first, then allow rules; no match is a denial. */
export function authorize(d: Deliberation, upstream: UpstreamEntry, consumer: ConsumerEntry): DenialCode | undefined {
  if (d.path === undefined) return 'path_ambiguous';
  if (!consumer.groupsKnown) return 'groups_unknown';
  const question = askPolicies(d, d.path, consumer);
  const verdict = judge(upstream.rules, question);
  if (upstream.shadowRules.length > 0) d.shadow = judgeShadow(upstream.shadowRules, question, verdict);
  if (verdict === undefined) return 'policy_no_match';
  d.policyId = verdict.rule.policyId;
  return verdict.effect === 'deny' ? 'policy_denied' : undefined;
}

/** Undefined where the policies in shadow mode would change nothing: a denial stays one, an allow needs no second. */
function judgeShadow(
  rules: readonly RuleIndex[],
  question: RuleQuestion,
  verdict: Verdict | undefined,
): Verdict | undefined {
  if (verdict?.effect === 'deny') return undefined;
  const shadow = judge(rules, question);
  return shadow?.effect === (verdict === undefined ? 'allow' : 'deny') ? shadow : undefined;
}

/** What policies are asked about. */
export function askPolicies(d: Deliberation, path: JudgedPath, consumer: ConsumerEntry): RuleQuestion {
  return {
    consumerId: d.consumerId,
    subjects: consumer.subjects,
    labels: consumer.labels,
    groups: consumer.allGroups,
    owner: consumer.owner,
    token: d.token,
    policies: d.token?.policies,
    method: d.method,
    target: d.target,
    segments: path.segments,
    lenientSegments: path.lenientSegments,
    nowMs: d.nowMs,
    sent: d.question,
  };
}
