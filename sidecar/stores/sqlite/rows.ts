import type { StatementSync } from 'node:sqlite';

type Value = string | number | null;

/* The two places where a row gets its type: SQLite gives none, and the caller wrote the statement. The tables are
   STRICT, so the types hold. */
/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters */
export function getRow<Row>(statement: StatementSync, ...values: readonly Value[]): Row | undefined {
  return statement.get(...values) as Row | undefined;
}

export function allRows<Row>(statement: StatementSync, ...values: readonly Value[]): readonly Row[] {
  return statement.all(...values) as unknown as readonly Row[];
}
/* eslint-enable @typescript-eslint/no-unnecessary-type-parameters */

export const selectMeta = 'SELECT store_id, epoch, revision, log_floor FROM store_meta';

/** Resources with their tombstones; a WHERE clause over `r` follows. */
export const selectResources = `
  SELECT r.kind, r.id, r.owner, r.spec, t.id IS NOT NULL AS disabled, r.revision, r.created_at, r.updated_at
  FROM resources r LEFT JOIN tombstones t ON t.kind = r.kind AND t.id = r.id`;

/** Wall clock as the database reads it; milliseconds. */
export const nowInMs = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
