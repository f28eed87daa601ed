import type { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import type { MetaRow, ResourceRow } from '../rows.ts';

type Value = string | number | null;

/** A statement that reads, prepared once. */
export interface Query<Row> {
  get(...values: readonly Value[]): Row | undefined;
  all(...values: readonly Value[]): readonly Row[];
}

/**
 * Rows are asked for as lists and named here: the objects that node:sqlite makes are dictionaries, which take half as long
 * again to read. The caller, who wrote the statement, says what a row is: SQLite does not tell. The tables are STRICT, so the
 * types hold.
 */
export function prepareQuery<Row>(db: DatabaseSync, sql: string): Query<Row> {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  const names = statement.columns().map(({ name }) => name);
  const toRow = (values: readonly unknown[]): Row => {
    const row: Record<string, unknown> = {};
    names.forEach((name, at) => {
      row[name] = values[at];
    });
    return row as Row;
  };
  return {
    get(...values) {
      const found = statement.get(...values) as unknown as readonly unknown[] | undefined;
      return found && toRow(found);
    },
    all: (...values) => (statement.all(...values) as unknown as readonly (readonly unknown[])[]).map(toRow),
  };
}

/** The one row of `store_meta`. */
export function prepareMeta(db: DatabaseSync): () => MetaRow {
  const meta = prepareQuery<MetaRow>(db, 'SELECT store_id, epoch, revision, log_floor FROM store_meta');
  return () => present(meta.get());
}

/** Of a statement that has a row wherever `store_meta` has its one. */
export function present<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
  return row;
}

/** Resources with their tombstones; a WHERE clause over `r` follows. */
export const selectResources = `
  SELECT r.kind, r.id, r.owner, r.spec, t.id IS NOT NULL AS disabled, r.revision, r.created_at, r.updated_at
  FROM resources r LEFT JOIN tombstones t ON t.kind = r.kind AND t.id = r.id`;

/** One resource, by kind and id. */
export function prepareResource(db: DatabaseSync): Query<ResourceRow> {
  return prepareQuery<ResourceRow>(db, `${selectResources} WHERE r.kind = ? AND r.id = ?`);
}

/** Wall clock as the database reads it; milliseconds. */
export const nowInMs = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
