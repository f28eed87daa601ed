import type { DatabaseSync } from 'node:sqlite';
import type { Actor, StoreIdentity } from '../../core/ports.ts';
import { planLogTrim } from '../mutations/log-trim.ts';
import type { LedgerEntry } from '../mutations/tables.ts';
import { toIdentity, type MetaRow } from '../rows.ts';
import { nowInMs, prepareMeta, prepareQuery, present } from './rows.ts';
import { rollBack } from './transaction.ts';

export interface Committed {
  readonly identity: StoreIdentity;
  /** False: nothing changed, and the revision did not rise. */
  readonly changed: boolean;
}

/** Begins and ends logical writes: revision, change log and audit in the transaction of the change itself. */
export interface Ledger {
  begin(actor: Actor, nowMs: number): LedgerEntry;
  commit(): Committed;
  /** An audit row at the present revision, of a named value; inside the caller's transaction. */
  audit(actor: Actor, nowMs: number, key: string): void;
  rollBack(): void;
}

/** `changeLogRows`: changes that are kept at least; older ones are dropped by whole revisions, and the floor rises. */
export function createLedger(db: DatabaseSync, options: { readonly changeLogRows: number }): Ledger {
  const readMeta = prepareMeta(db);
  const insertChange = db.prepare(
    `INSERT INTO changes (revision, seq, kind, id, cache_key, at) VALUES (?, ?, ?, ?, ?, ${nowInMs})`,
  );
  const insertAudit = db.prepare(
    'INSERT INTO admin_audit (revision, at, actor, action, kind, id, request_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const raise = prepareQuery<MetaRow>(
    db,
    'UPDATE store_meta SET revision = revision + 1 RETURNING store_id, epoch, revision, log_floor',
  );
  const revisionAt = prepareQuery<{ revision: number }>(
    db,
    'SELECT revision FROM changes ORDER BY revision, seq LIMIT 1 OFFSET ?',
  );
  const dropUpTo = db.prepare('DELETE FROM changes WHERE revision <= ?');
  const setFloor = db.prepare('UPDATE store_meta SET log_floor = ?');

  let logged = countChanges(db);
  let written = 0;

  /** Returns how many rows the log has afterwards. */
  function trim(revision: number): number {
    const total = logged + Math.min(written, options.changeLogRows);
    const last = lastToDrop(revision);
    if (last === undefined) return total;
    setFloor.run(last);
    return total - Number(dropUpTo.run(last).changes);
  }

  function lastToDrop(revision: number): number | undefined {
    const plan = planLogTrim(logged, written, options.changeLogRows);
    if (plan === 'nothing') return undefined;
    if (plan === 'everything') return revision;
    return revisionAt.get(plan.oldest - 1)?.revision;
  }

  return {
    begin(actor, nowMs) {
      db.exec('BEGIN IMMEDIATE');
      written = 0;
      const revision = readMeta().revision + 1;
      return {
        revision,
        nowMs,
        actor,
        changed(entry) {
          written += 1;
          if (written <= options.changeLogRows) {
            insertChange.run(revision, written, entry.kind, entry.id, entry.cacheKey);
          }
          const requestId = actor.requestId ?? null;
          insertAudit.run(revision, nowMs, actor.name, entry.action, entry.kind, entry.id, requestId);
        },
      };
    },
    commit() {
      if (written === 0) {
        const identity = toIdentity(readMeta());
        rollBack(db);
        return { identity, changed: false };
      }
      const kept = trim(readMeta().revision + 1);
      const identity = toIdentity(present(raise.get()));
      db.exec('COMMIT');
      logged = kept;
      return { identity, changed: true };
    },
    audit({ name, action, requestId }, nowMs, key) {
      insertAudit.run(readMeta().revision, nowMs, name, action, 'meta', key, requestId ?? null);
    },
    rollBack: () => rollBack(db),
  };
}

function countChanges(db: DatabaseSync): number {
  return prepareQuery<{ n: number }>(db, 'SELECT count(*) AS n FROM changes').get()?.n ?? 0;
}
