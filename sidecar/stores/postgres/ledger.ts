import { CredentialFlowError } from '../../core/error.ts';
import type { Actor, StoreIdentity } from '../../core/ports.ts';
import { planLogTrim } from '../mutations/log-trim.ts';
import type { ChangeEntry, LedgerEntry } from '../mutations/tables.ts';
import { toIdentity, type MetaRow } from '../rows.ts';
import type { Session } from './pool.ts';
import { unnest, type Sql } from './sql.ts';

export interface Committed {
  readonly identity: StoreIdentity;
  /** False: nothing changed, and the revision did not rise. */
  readonly changed: boolean;
}

/** A logical write: revision, change log and audit in the transaction of the change itself. */
export interface Ledger {
  readonly entry: LedgerEntry;
  /** The store as it was when the write began. */
  readonly before: StoreIdentity;
  /** Writes the changes that were entered since the last call. */
  flush(): Promise<void>;
  /** Raises the revision and announces it: the last statement before COMMIT. */
  finish(): Promise<Committed>;
}

export interface LedgerOptions {
  readonly sql: Sql;
  /** Changes that are kept at least. */
  readonly changeLogRows: number;
  /** Where a commit is announced, and what stands before its revision. */
  readonly announce: { readonly channel: string; readonly sender: string };
}

interface LogMeta extends MetaRow {
  readonly log_rows: number;
}

/**
 * Waits for the row of the revision and holds it until the transaction ends: whoever writes comes after whoever wrote,
 * and sees it (READ COMMITTED: each statement has its own view).
 */
export async function beginLedger(
  session: Session,
  options: LedgerOptions,
  actor: Actor,
  nowMs: number,
): Promise<Ledger> {
  const { sql, changeLogRows, announce } = options;
  const [meta] = await session.query<LogMeta>(
    `SELECT store_id, epoch, revision, log_floor, log_rows FROM ${sql.t}store_meta FOR UPDATE`,
  );
  if (meta === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
  const revision = meta.revision + 1;
  let entered: ChangeEntry[] = [];
  let written = 0;

  async function flush(): Promise<void> {
    if (entered.length === 0) return;
    const entries = entered;
    entered = [];
    const first = written - entries.length + 1;
    const logged = entries.slice(0, Math.max(0, changeLogRows - first + 1));
    const columns = { seq: 'bigint', kind: 'text', id: 'text', cache_key: 'text' } as const;
    await session.query(
      `INSERT INTO ${sql.t}changes (revision, seq, kind, id, cache_key)
       SELECT $5, seq, kind, id, cache_key FROM ${unnest(columns)}`,
      [
        logged.map((_entry, index) => first + index),
        logged.map(({ kind }) => kind),
        logged.map(({ id }) => id),
        logged.map(({ cacheKey }) => cacheKey),
        revision,
      ],
    );
    await session.query(
      `INSERT INTO ${sql.t}admin_audit (revision, at, actor, action, kind, id, request_id)
       SELECT $4, $5, $6, action, kind, id, $7
       FROM ${unnest({ action: 'text', kind: 'text', id: 'text' }, 'place')} ORDER BY place`,
      [
        entries.map(({ action }) => action),
        entries.map(({ kind }) => kind),
        entries.map(({ id }) => id),
        revision,
        nowMs,
        actor.name,
        actor.requestId ?? null,
      ],
    );
  }

  /** Returns how many rows the log has afterwards, and from where it is complete. */
  async function trim(was: LogMeta): Promise<{ readonly rows: number; readonly floor: number }> {
    const rows = was.log_rows + Math.min(written, changeLogRows);
    const plan = planLogTrim(was.log_rows, written, changeLogRows);
    if (plan === 'nothing') return { rows, floor: was.log_floor };
    const floor = plan === 'everything' ? revision : await revisionOfOldest(plan.oldest);
    const [dropped] = await session.query<{ n: number }>(
      `WITH gone AS (DELETE FROM ${sql.t}changes WHERE revision <= $1 RETURNING 1) SELECT count(*) AS n FROM gone`,
      [floor],
    );
    return { rows: rows - (dropped?.n ?? 0), floor };
  }

  async function revisionOfOldest(count: number): Promise<number> {
    const [row] = await session.query<{ revision: number }>(
      `SELECT revision FROM ${sql.t}changes ORDER BY revision, seq LIMIT 1 OFFSET $1`,
      [count - 1],
    );
    return row?.revision ?? revision;
  }

  return {
    entry: {
      revision,
      nowMs,
      actor,
      changed(change) {
        written += 1;
        entered.push(change);
      },
    },
    before: toIdentity(meta),
    flush,
    async finish() {
      await flush();
      if (written === 0) return { identity: toIdentity(meta), changed: false };
      const { rows, floor } = await trim(meta);
      const [raised] = await session.query<MetaRow>(
        `WITH raised AS (
           UPDATE ${sql.t}store_meta SET revision = revision + 1, log_rows = $1, log_floor = $2
           RETURNING store_id, epoch, revision, log_floor
         ) SELECT raised.*, pg_notify($3, $4 || ':' || revision) FROM raised`,
        [rows, floor, announce.channel, announce.sender],
      );
      if (raised === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
      return { identity: toIdentity(raised), changed: true };
    },
  };
}
