import { CredentialFlowError } from '../../core/error.ts';
import type { ChangePage, Store, TokenRead } from '../../core/ports.ts';
import { pageLimit, toAudit, oldestAgeOf, toChange, toIdentity, toResource, toToken } from '../rows.ts';
import type { AuditRow, ChangeRow, MetaRow, ResourceRow, TokenRow } from '../rows.ts';
import { postgresFault } from './faults.ts';
import type { ConnectionPool } from './pool.ts';
import { timelineNow } from './server.ts';
import type { Sql } from './sql.ts';

/** Reads of one statement each, so that what belongs together is of one moment. */
export type Reader = Pick<
  Store,
  | 'identity'
  | 'getResource'
  | 'listResources'
  | 'changesSince'
  | 'getToken'
  | 'listTokens'
  | 'listAdminAudit'
  | 'getMeta'
  | 'listMeta'
> & { findToken(sha256: string): Promise<TokenRead> };

export interface ReaderOptions {
  readonly sql: Sql;
  /** For a look-up that a decision waits for, and for everything else; waiting for a connection included. */
  readonly lookupMs: number;
  readonly readMs: number;
  /** Whether the server says which timeline it writes. */
  readonly tellsTimeline: boolean;
}

export function createReader(options: ReaderOptions, pool: ConnectionPool): Reader {
  const reader = createRawReader(options, pool);
  // A row that cannot be read is a fault of the store as well, and says nothing of what is in it.
  const guard =
    <A extends readonly unknown[], T>(read: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      read(...args).catch((error: unknown) => {
        throw postgresFault(error);
      });
  return {
    ...reader,
    getResource: guard(reader.getResource),
    listResources: guard(reader.listResources),
  };
}

function createRawReader(options: ReaderOptions, pool: ConnectionPool): Reader {
  const { selectMeta, selectResources, t } = options.sql;
  const timeline = options.tellsTimeline ? timelineNow : 'NULL';
  const read = <Row>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]> =>
    pool.query<Row>(options.readMs, sql, values);

  return {
    identity: async () => toIdentity(present((await read<MetaRow>(selectMeta))[0])),
    async getResource(kind, id) {
      const [row] = await read<ResourceRow>(`${selectResources} WHERE r.kind = $1 AND r.id = $2`, [kind, id]);
      return row && toResource(row);
    },
    async listResources(kind, page) {
      const sql = `${selectResources} WHERE r.kind = $1 AND r.id > $2 ORDER BY r.id LIMIT $3`;
      return (await read<ResourceRow>(sql, [kind, page?.after ?? '', pageLimit(page?.limit)])).map(toResource);
    },
    async changesSince(revision, limit) {
      const rows = await read<PageRow>(
        `SELECT m.store_id, m.epoch, m.revision AS newest, m.log_floor, ${timeline} AS timeline, c.*
         FROM ${t}store_meta m LEFT JOIN LATERAL (
           SELECT revision, seq, kind, id, cache_key,
             (extract(epoch FROM clock_timestamp()) * 1000)::bigint - nullif(at, 0) AS age
           FROM ${t}changes
           WHERE revision > $1 AND $1 >= m.log_floor AND revision <= COALESCE(
             (SELECT revision FROM ${t}changes WHERE revision > $1 ORDER BY revision, seq LIMIT 1 OFFSET $2), m.revision)
         ) c ON TRUE ORDER BY c.revision, c.seq`,
        [revision, Math.max(1, limit) - 1],
      );
      return toPage(rows, revision);
    },
    async findToken(sha256) {
      const [row] = await pool.query<{ as_of: number } & (TokenRow | { id: null })>(
        options.lookupMs,
        `SELECT m.revision AS as_of, t.* FROM ${t}store_meta m LEFT JOIN ${t}tokens t ON t.sha256 = $1`,
        [sha256],
      );
      const { as_of: asOf, ...found } = present(row);
      return { asOf, token: found.id === null ? undefined : toToken(found) };
    },
    async getToken(id) {
      const [row] = await read<TokenRow>(`SELECT * FROM ${t}tokens WHERE id = $1`, [id]);
      return row && toToken(row);
    },
    async listTokens({ consumer }, page) {
      const of = consumer === undefined ? '' : 'AND consumer = $3';
      const sql = `SELECT * FROM ${t}tokens WHERE id > $1 ${of} ORDER BY id LIMIT $2`;
      const values = [page?.after ?? '', pageLimit(page?.limit), ...(consumer === undefined ? [] : [consumer])];
      return (await read<TokenRow>(sql, values)).map(toToken);
    },
    async listAdminAudit(limit) {
      const sql = `SELECT * FROM ${t}admin_audit ORDER BY seq DESC LIMIT $1`;
      return (await read<AuditRow>(sql, [pageLimit(limit)])).map(toAudit);
    },
    async listMeta(prefix) {
      const sql = `SELECT key, value FROM ${t}meta WHERE starts_with(key, $1) ORDER BY key`;
      const rows = await read<{ key: string; value: string }>(sql, [prefix]);
      return new Map(rows.map(({ key, value }) => [key, value]));
    },
    async getMeta(key) {
      return (await read<{ value: string }>(`SELECT value FROM ${t}meta WHERE key = $1`, [key]))[0]?.value;
    },
  };
}

interface PageRow extends Pick<MetaRow, 'store_id' | 'epoch' | 'log_floor'>, Omit<ChangeRow, 'revision'> {
  readonly newest: number;
  readonly timeline: string | null;
  /** Null: there is nothing to name. */
  readonly revision: number | null;
}

function toPage(rows: readonly PageRow[], since: number): ChangePage {
  const meta = present(rows[0]);
  const { store_id: storeId, epoch, newest: revision, log_floor: logFloor } = meta;
  const page = { storeId, epoch, revision, logFloor, timeline: meta.timeline ?? undefined };
  // The reader is behind the log.
  if (since < logFloor) return { ...page, changes: [], completeTo: since };
  // It is up to date, or ahead of a store that was set back.
  const last = rows.at(-1)?.revision ?? undefined;
  if (last === undefined) return { ...page, changes: [], completeTo: revision };
  const changed = rows as readonly ChangeRow[];
  return { ...page, changes: changed.map(toChange), oldestAgeMs: oldestAgeOf(changed), completeTo: last };
}

function present<T>(row: T | undefined): T {
  if (row === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
  return row;
}
