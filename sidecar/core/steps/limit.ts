import type { DenialCode } from '../codes.ts';
import type { DecisionContext, Deliberation } from '../decision.ts';
import type { LimitDimension, LimitEntry, LimitRefusal, LimitUse } from '../limit.ts';
import { groupKey } from '../rule-index.ts';
import type { ConsumerEntry, UpstreamEntry } from '../snapshot.ts';

/** Step 9. Every limit that is meant for this request must have room; none is used up unless all have. */
export function limit(
  d: Deliberation,
  upstream: UpstreamEntry,
  consumer: ConsumerEntry,
  ctx: DecisionContext,
): DenialCode | undefined | Promise<DenialCode | undefined> {
  if (upstream.limits.length === 0) return undefined;
  const uses: LimitUse[] = [];
  for (const entry of upstream.limits) if (isMeant(entry, d, consumer)) addUses(uses, entry, d, consumer);
  if (uses.length === 0) return undefined;
  const request = { id: d.requestId, atMs: d.startedAt, upstreamId: upstream.id, prices: upstream.prices };
  const refusal = ctx.limiter.take(uses, request);
  return refusal instanceof Promise ? refusal.then((found) => note(d, found)) : note(d, refusal);
}

function note(d: Deliberation, refusal: LimitRefusal | undefined): DenialCode | undefined {
  if (refusal === undefined) return undefined;
  d.refusal = refusal;
  return refusal.known ? 'limit_exceeded' : 'limit_unknown';
}

function isMeant({ subjects, labels }: LimitEntry, d: Deliberation, consumer: ConsumerEntry): boolean {
  if (subjects.has(d.consumerId)) return true;
  if (!consumer.subjects.some((subject) => subjects.has(subject))) return false;
  return labels.every(([name, value]) => consumer.labels[name] === value);
}

/** One counter, or one for each group that the limit names (every group of the consumer where it names none). */
function addUses(uses: LimitUse[], entry: LimitEntry, d: Deliberation, consumer: ConsumerEntry): void {
  if (!entry.per.includes('group')) {
    uses.push({ limit: entry, counter: counterOf(entry.per, d, '') });
    return;
  }
  const named = consumer.allGroups.filter((group) => entry.subjects.has(groupKey(group)));
  for (const group of named.length > 0 ? named : consumer.groups) {
    uses.push({ limit: entry, counter: counterOf(entry.per, d, group) });
  }
}

function counterOf(per: readonly LimitDimension[], d: Deliberation, group: string): string {
  if (per.length === 1 && per[0] === 'consumer') return d.consumerId;
  return per.map((dimension) => partOf(dimension, d, group)).join(' ');
}

function partOf(dimension: LimitDimension, d: Deliberation, group: string): string {
  switch (dimension) {
    case 'consumer':
      return d.consumerId;
    case 'token':
      return d.tokenId;
    case 'upstream':
      return d.upstream?.id ?? '';
    case 'group':
      return group;
  }
}
