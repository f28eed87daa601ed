import type { DatabaseSync } from 'node:sqlite';
import type { Mutation } from '../../core/ports.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { LedgerEntry } from './ledger.ts';
import { ownedByAnother, refusal } from './refusals.ts';
import { getRow, selectResources, type ResourceRow } from './rows.ts';

export type Outcome = 'create' | 'update' | 'delete' | 'unchanged';

type Put = Extract<Mutation, { op: 'put' }>;
type Delete = Extract<Mutation, { op: 'delete' }>;
type SetDisabled = Extract<Mutation, { op: 'set_disabled' }>;

export interface ResourceMutations {
  put(mutation: Put, entry: LedgerEntry, action: (outcome: Outcome) => string): Outcome;
  delete(mutation: Delete, entry: LedgerEntry, action: string): Outcome;
  setDisabled(mutation: SetDisabled, entry: LedgerEntry, action: string): Outcome;
}

export function createResourceMutations(db: DatabaseSync): ResourceMutations {
  const select = db.prepare(`${selectResources} WHERE r.kind = ? AND r.id = ?`);
  const insert = db.prepare(
    'INSERT INTO resources (kind, id, owner, spec, revision, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const update = db.prepare('UPDATE resources SET spec = ?, revision = ?, updated_at = ? WHERE kind = ? AND id = ?');
  const touch = db.prepare('UPDATE resources SET revision = ?, updated_at = ? WHERE kind = ? AND id = ?');
  const remove = db.prepare('DELETE FROM resources WHERE kind = ? AND id = ?');
  const bury = db.prepare('INSERT INTO tombstones (kind, id, at) VALUES (?, ?, ?)');
  const unbury = db.prepare('DELETE FROM tombstones WHERE kind = ? AND id = ?');

  return {
    put(mutation, entry, action) {
      const { kind, id, owner, ifRevision } = mutation;
      const existing = getRow<ResourceRow>(select, kind, id);
      if (existing !== undefined && existing.owner !== owner) throw ownedByAnother(mutation, existing.owner);
      if (ifRevision !== undefined && ifRevision !== (existing?.revision ?? 0)) throw conflict(mutation, existing);
      const spec = canonicalJson(mutation.spec);
      if (existing?.spec === spec) return 'unchanged';
      const outcome = existing === undefined ? 'create' : 'update';
      if (existing === undefined) insert.run(kind, id, owner, spec, entry.revision, entry.nowMs, entry.nowMs);
      else update.run(spec, entry.revision, entry.nowMs, kind, id);
      entry.changed({ kind, id, cacheKey: '', action: action(outcome) });
      return outcome;
    },

    /** The tombstone stays: what was disabled comes back disabled. */
    delete({ kind, id, owner }, entry, action) {
      const existing = getRow<ResourceRow>(select, kind, id);
      if (existing === undefined) throw refusal('not_found', { kind, id }, 'does not exist');
      if (existing.owner !== owner) throw ownedByAnother({ kind, id }, existing.owner);
      remove.run(kind, id);
      entry.changed({ kind, id, cacheKey: '', action });
      return 'delete';
    },

    setDisabled({ kind, id, disabled }, entry, action) {
      const existing = getRow<ResourceRow>(select, kind, id);
      if (existing === undefined) throw refusal('not_found', { kind, id }, 'does not exist');
      if ((existing.disabled === 1) === disabled) return 'unchanged';
      if (disabled) bury.run(kind, id, entry.nowMs);
      else unbury.run(kind, id);
      touch.run(entry.revision, entry.nowMs, kind, id);
      entry.changed({ kind, id, cacheKey: '', action });
      return 'update';
    },
  };
}

function conflict(mutation: Put, existing: ResourceRow | undefined) {
  if (existing === undefined) return refusal('revision_conflict', mutation, 'does not exist any more');
  return mutation.ifRevision === 0
    ? refusal('revision_conflict', mutation, 'exists already')
    : refusal('revision_conflict', mutation, `is at revision ${existing.revision}`);
}
