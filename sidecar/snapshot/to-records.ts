import type { GroupSpec, ResourceKind, ResourceRecord, ResourceSpecs } from '../core/resources.ts';
import type { BuiltSnapshot } from './build.ts';

/**
 * Resources of which a build from scratch makes a snapshot that decides like this one. Only what decides: no owners,
 * revisions or times, and nothing that says nothing (disabled policies, what could not be read).
 */
export function* toRecords({ snapshot, parts }: BuiltSnapshot): Generator<ResourceRecord, void> {
  for (const { spec, entry } of parts.gateways.values()) yield record('gateway', entry.id, spec, entry.disabled);
  for (const { spec, entry } of parts.upstreams.values()) yield record('upstream', entry.id, spec, entry.disabled);
  for (const { id, spec } of parts.credentials.values()) yield record('credential', id, spec, false);
  for (const [id, { owner, groups, labels, disabled }] of snapshot.consumers.entries()) {
    yield record('consumer', id, { ...(owner === '' ? {} : { owner }), groups, labels }, disabled);
  }
  for (const [id, memberships] of parts.groups.entries()) {
    // A damaged one stays damaged.
    const spec = memberships === 'damaged' ? null : { member_of: memberships };
    yield record('group', id, spec as GroupSpec, false);
  }
  for (const { id, spec, disabled } of parts.issuers.values()) yield record('issuer', id, spec, disabled);
  for (const { rule, spec } of parts.revocations.values()) yield record('revocation', rule.id, spec, false);
  for (const { id, spec } of parts.policies.policies.values()) yield record('policy', id, spec, false);
  for (const { id, spec } of parts.limits.values()) yield record('limit', id, spec, false);
}

function record<K extends ResourceKind>(
  kind: K,
  id: string,
  spec: ResourceSpecs[K],
  disabled: boolean,
): ResourceRecord {
  const made = { kind, id, owner: 'api', spec, disabled, revision: 0, createdAtMs: 0, updatedAtMs: 0 } as const;
  return made as unknown as ResourceRecord;
}
