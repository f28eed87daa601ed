import type { DenialCode } from './codes.ts';
import type { IssuedFacts, TokenFacts } from './ports.ts';
import { isRevoked } from './revocations.ts';
import { groupKey } from './rule-index.ts';
import type { ConsumerEntry, Snapshot } from './snapshot.ts';

/** Facts of a token → a consumer of today's snapshot. Times are judged at each decision, never cached. */
export function findConsumer(
  facts: TokenFacts,
  snapshot: Snapshot,
  nowMs: number,
): ConsumerEntry | { readonly deny: DenialCode } {
  if (facts.revokedAtMs > 0) return { deny: 'token_revoked' };
  if (facts.expiresAtMs <= nowMs) return { deny: 'token_expired' };
  if (facts.notBeforeMs > nowMs) return { deny: 'token_not_yet_valid' };
  const { issued } = facts;
  if (issued !== undefined) {
    const refused = checkIssuer(issued, snapshot, nowMs);
    if (refused !== undefined) return { deny: refused };
  }
  const consumer = snapshot.consumers.get(facts.consumerId) ?? issued?.issuer.unlisted;
  if (consumer === undefined) return { deny: 'consumer_unknown' };
  if (consumer.disabled) return { deny: 'consumer_disabled' };
  return issued === undefined || issued.groups.length === 0 ? consumer : withGroups(consumer, issued, snapshot);
}

function checkIssuer(issued: IssuedFacts, snapshot: Snapshot, nowMs: number): DenialCode | undefined {
  const current = snapshot.issuers.get(issued.issuer.spec.issuer);
  if (current === undefined) return 'issuer_unknown';
  if (current.disabled) return 'issuer_disabled';
  // It changed in this very moment: the next request verifies the token by what it says now.
  if (current !== issued.issuer) return 'issuer_unavailable';
  return isRevoked(snapshot.revocations, issued, nowMs) ? 'token_revoked' : undefined;
}

/** Most tokens are used many times between two changes of their consumer. */
function withGroups(consumer: ConsumerEntry, issued: IssuedFacts, { allGroupsOf }: Snapshot): ConsumerEntry {
  const { merged } = issued;
  if (merged?.from === consumer && merged.allGroupsOf === allGroupsOf) return merged.to;
  const groups = [...consumer.groups, ...issued.groups.filter((name) => !consumer.groups.includes(name))];
  const found = allGroupsOf(groups);
  const allGroups = found ?? groups;
  const more = allGroups.filter((name) => !consumer.allGroups.includes(name));
  const to = {
    ...consumer,
    groups,
    allGroups,
    groupsKnown: consumer.groupsKnown && found !== undefined,
    subjects: [...more.map(groupKey), ...consumer.subjects],
  };
  issued.merged = { from: consumer, allGroupsOf, to };
  return to;
}
