/**
 * The whole of a store as plain rows: what a backup holds, and what travels from one kind of store to another. The rows
 * are named as the tables of every store are. The change log stays behind: a copy has another epoch, so its readers
 * read everything anew.
 */

/** Raised when rows change their meaning; a reader refuses what is newer. 2: tokens have `scopes`. */
export const storeCopyFormat = 2;
/** Oldest format that is still read: what its rows lack is null. */
export const oldestCopyFormat = 1;
/** Columns that older formats lack. */
export const laterColumns: ReadonlySet<string> = new Set(['tokens.scopes']);

export type ColumnType = 'text' | 'integer' | 'text or null' | 'integer or null';

/** `orderBy`: the order in which a table's rows travel; texts by their bytes in UTF-8. */
interface CopyTableShape {
  readonly orderBy: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
}

/** In the order in which they travel. */
export const copyTables = {
  resources: {
    orderBy: 'kind, id',
    columns: {
      kind: 'text',
      id: 'text',
      owner: 'text',
      /** Canonical JSON: an object with sorted keys. */
      spec: 'text',
      revision: 'integer',
      created_at: 'integer',
      updated_at: 'integer',
    },
  },
  tokens: {
    orderBy: 'id',
    columns: {
      id: 'text',
      sha256: 'text',
      consumer: 'text',
      owner: 'text',
      description: 'text or null',
      not_before: 'integer',
      expires_at: 'integer',
      revoked_at: 'integer or null',
      rotated_from: 'text or null',
      created_at: 'integer',
      last_used_at: 'integer or null',
      revision: 'integer',
      scopes: 'text or null',
    },
  },
  tombstones: { orderBy: 'kind, id', columns: { kind: 'text', id: 'text', at: 'integer' } },
  meta: { orderBy: 'key', columns: { key: 'text', value: 'text' } },
  /** `seq` does not travel: the rows get new ones in the order in which they come. */
  admin_audit: {
    orderBy: 'seq',
    columns: {
      revision: 'integer',
      at: 'integer',
      actor: 'text',
      action: 'text',
      kind: 'text',
      id: 'text',
      request_id: 'text or null',
    },
  },
} as const satisfies Readonly<Record<string, CopyTableShape>>;

export type CopyTable = keyof typeof copyTables;
export const copyTableNames = Object.keys(copyTables) as readonly CopyTable[];

export type CopyRow = Readonly<Record<string, string | number | null>>;

/** Rows of one table, at most {@link maxCopyRows}; the last part says how many rows of each table there were. */
export type CopyPart =
  | { readonly table: CopyTable; readonly rows: readonly CopyRow[] }
  | { readonly end: Readonly<Record<CopyTable, number>> };

export const maxCopyRows = 500;
