import type { DenialCode } from '../codes.ts';
import type { Deliberation } from '../decision.ts';
import { judge } from '../rule-index.ts';
import type { ConsumerEntry, UpstreamEntry } from '../snapshot.ts';

/** Step 6. Deny rules first, then allow rules; no match is a denial. */
export function authorize(d: Deliberation, upstream: UpstreamEntry, consumer: ConsumerEntry): DenialCode | undefined {
  if (d.path === undefined) return 'path_ambiguous';
  const verdict = judge(upstream.rules, {
    consumerId: d.consumerId,
    subjects: consumer.subjects,
    labels: consumer.labels,
    method: d.method,
    segments: d.path.segments,
    lenientSegments: d.path.lenientSegments,
    nowMs: d.nowMs,
  });
  if (verdict === undefined) return 'policy_no_match';
  d.policyId = verdict.rule.policyId;
  return verdict.effect === 'deny' ? 'policy_denied' : undefined;
}
