import type { TokenTable } from '../mutations/tables.ts';
import type { TokenRow } from '../rows.ts';
import { notFetched } from './faults.ts';
import type { Session } from './pool.ts';
import { unnest, type Sql } from './sql.ts';

export interface TokenSet {
  readonly table: TokenTable;
  /** By id, and by hash where a token may be made. */
  fetch(wanted: readonly (Pick<TokenRow, 'id'> & { readonly sha256?: string | undefined })[]): Promise<void>;
  flush(): Promise<void>;
}

/** `last_used_at` is not ours to write: it is kept without the lock of writes. */
const columns = {
  id: 'text',
  sha256: 'text',
  consumer: 'text',
  owner: 'text',
  description: 'text',
  not_before: 'bigint',
  expires_at: 'bigint',
  scopes: 'text',
  revoked_at: 'bigint',
  rotated_from: 'text',
  created_at: 'bigint',
  revision: 'bigint',
} as const;
const columnNames = Object.keys(columns) as (keyof typeof columns)[];

export function createTokenSet(session: Session, sql: Sql): TokenSet {
  const { t } = sql;
  const fetched = { ids: new Set<string>(), hashes: new Set<string>() };
  const rows = new Map<string, TokenRow>();
  const idByHash = new Map<string, string>();
  const changed = new Set<string>();
  /** Removed at some time, whatever came in its place: a row keeps neither its hash nor its last use then. */
  const removed = new Set<string>();
  const graves = new Map<string, number>();
  const newGraves = new Set<string>();

  function take(row: TokenRow): void {
    rows.set(row.id, row);
    idByHash.set(row.sha256, row.id);
  }

  function get(id: string): TokenRow | undefined {
    const row = rows.get(id);
    if (row === undefined && !fetched.ids.has(id)) throw notFetched();
    return row;
  }

  function forget(): void {
    for (const each of [fetched.ids, fetched.hashes, rows, idByHash, changed, removed, graves, newGraves]) each.clear();
  }

  async function writeRows(put: readonly TokenRow[]): Promise<void> {
    if (put.length === 0) return;
    const list = columnNames.join(', ');
    await session.query(
      `INSERT INTO ${t}tokens (${list}) SELECT ${list} FROM ${unnest(columns)}
       ON CONFLICT (id) DO UPDATE SET consumer = excluded.consumer, owner = excluded.owner, description = excluded.description,
         not_before = excluded.not_before, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
         scopes = excluded.scopes, rotated_from = excluded.rotated_from, revision = excluded.revision`,
      columnNames.map((column) => put.map((row) => row[column])),
    );
  }

  return {
    async fetch(wanted) {
      if (wanted.length === 0) return;
      for (const { id, sha256 } of wanted) {
        fetched.ids.add(id);
        if (sha256 !== undefined) fetched.hashes.add(sha256);
      }
      const hashes = [...fetched.hashes];
      const found = await session.query<TokenRow>(
        `SELECT * FROM ${t}tokens WHERE id = ANY ($1::text[]) OR sha256 = ANY ($2::text[])`,
        [[...fetched.ids], hashes],
      );
      for (const row of found) take(row);
      if (hashes.length === 0) return;
      const dead = await session.query<{ id: string; at: number }>(
        `SELECT id, at FROM ${t}tombstones WHERE kind = 'token' AND id = ANY ($1::text[])`,
        [hashes],
      );
      for (const { id, at } of dead) graves.set(id, at);
    },
    table: {
      get,
      withIdOrHash(id, sha256) {
        if (!fetched.hashes.has(sha256)) throw notFetched();
        const byHash = rows.get(idByHash.get(sha256) ?? '');
        const byId = get(id);
        return [...new Set([byId, byHash])].filter((row) => row !== undefined);
      },
      revokedAt: (sha256) => graves.get(sha256),
      put(row) {
        take(row);
        changed.add(row.id);
      },
      remove(id) {
        const row = rows.get(id);
        rows.delete(id);
        if (row !== undefined) idByHash.delete(row.sha256);
        changed.delete(id);
        removed.add(id);
      },
      bury(sha256, atMs) {
        graves.set(sha256, atMs);
        newGraves.add(sha256);
      },
    },
    async flush() {
      const put = [...changed].flatMap((id) => rows.get(id) ?? []);
      // First: what comes may take the hash of what goes.
      if (removed.size > 0) await session.query(`DELETE FROM ${t}tokens WHERE id = ANY ($1::text[])`, [[...removed]]);
      await writeRows(put);
      if (newGraves.size > 0) {
        await session.query(
          `INSERT INTO ${t}tombstones (kind, id, at) SELECT 'token', id, at FROM ${unnest({ id: 'text', at: 'bigint' })}
           ON CONFLICT (kind, id) DO UPDATE SET at = excluded.at`,
          [[...newGraves], [...newGraves].map((hash) => graves.get(hash))],
        );
      }
      forget();
    },
  };
}
