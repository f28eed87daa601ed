import type { Mutation } from '../../core/ports.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { ResourceRow } from '../rows.ts';
import { mayChange, ownedByAnother, refusal } from './refusals.ts';
import type { LedgerEntry, ResourceTable } from './tables.ts';

export type Outcome = 'create' | 'update' | 'delete' | 'unchanged';

type Put = Extract<Mutation, { op: 'put' }>;
type Delete = Extract<Mutation, { op: 'delete' }>;
type SetDisabled = Extract<Mutation, { op: 'set_disabled' }>;

export interface ResourceMutations {
  put(mutation: Put, entry: LedgerEntry, action: (outcome: Outcome) => string): Outcome;
  delete(mutation: Delete, entry: LedgerEntry, action: string): Outcome;
  setDisabled(mutation: SetDisabled, entry: LedgerEntry, action: string): Outcome;
}

export function createResourceMutations(table: ResourceTable): ResourceMutations {
  function existing(kind: Delete['kind'], id: string): ResourceRow {
    const row = table.get(kind, id);
    if (row === undefined) throw refusal('not_found', { kind, id }, 'does not exist');
    return row;
  }

  return {
    put(mutation, entry, action) {
      const { kind, id, owner, ifRevision } = mutation;
      const before = table.get(kind, id);
      const spec = canonicalJson(mutation.spec);
      const isSame = before?.spec === spec;
      if (before !== undefined && !mayChange(owner, before.owner, isSame)) throw ownedByAnother(mutation, before.owner);
      if (ifRevision !== undefined && ifRevision !== (before?.revision ?? 0)) throw conflict(mutation, before);
      if (isSame && before.owner === owner) return 'unchanged';
      const outcome = before === undefined ? 'create' : 'update';
      const times = { created_at: before?.created_at ?? entry.nowMs, updated_at: entry.nowMs };
      table.put({ kind, id, owner, spec, revision: entry.revision, ...times });
      entry.changed({ kind, id, cacheKey: '', action: action(outcome) });
      return outcome;
    },

    /** The tombstone stays: what was disabled comes back disabled. */
    delete(mutation, entry, action) {
      const { kind, id, owner, ifRevision } = mutation;
      const row = existing(kind, id);
      if (row.owner !== owner) throw ownedByAnother({ kind, id }, row.owner);
      if (ifRevision !== undefined && ifRevision !== row.revision) throw conflict(mutation, row);
      table.remove(kind, id);
      entry.changed({ kind, id, cacheKey: '', action });
      return 'delete';
    },

    setDisabled({ kind, id, disabled }, entry, action) {
      const row = existing(kind, id);
      if (Boolean(row.disabled) === disabled) return 'unchanged';
      table.setDisabled(kind, id, disabled ? entry.nowMs : undefined);
      table.put({ ...row, revision: entry.revision, updated_at: entry.nowMs });
      entry.changed({ kind, id, cacheKey: '', action });
      return 'update';
    },
  };
}

function conflict(mutation: Put | Delete, existing: ResourceRow | undefined) {
  if (existing === undefined) return refusal('revision_conflict', mutation, 'does not exist any more');
  return mutation.ifRevision === 0
    ? refusal('revision_conflict', mutation, 'exists already')
    : refusal('revision_conflict', mutation, `is at revision ${existing.revision}`);
}
