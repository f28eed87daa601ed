/** Names of tables and statements that several files use. */
export interface Sql {
  /** `"schema".` or nothing: then the role's search_path decides. Stands before every table's name. */
  readonly t: string;
  readonly selectMeta: string;
  /** Resources with their tombstones; a WHERE clause over `r` follows. */
  readonly selectResources: string;
}

export function createSql(schema: string | undefined): Sql {
  const t = schema === undefined ? '' : `"${schema}".`;
  return {
    t,
    selectMeta: `SELECT store_id, epoch, revision, log_floor FROM ${t}store_meta`,
    selectResources: `
      SELECT r.kind, r.id, r.owner, r.spec, t.id IS NOT NULL AS disabled, r.revision, r.created_at, r.updated_at
      FROM ${t}resources r LEFT JOIN ${t}tombstones t ON t.kind = r.kind AND t.id = r.id`,
  };
}

/**
 * `unnest` over one array a column, so that a statement takes any number of rows. `place`: a column with their order.
 */
export function unnest(columns: Readonly<Record<string, 'text' | 'bigint'>>, place?: string): string {
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  const names = [...Object.keys(columns), ...(place === undefined ? [] : [place])];
  return `unnest(${arrays.join(', ')}) ${place === undefined ? '' : 'WITH ORDINALITY'} AS given (${names.join(', ')})`;
}
