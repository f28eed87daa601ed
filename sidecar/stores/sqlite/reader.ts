import type { DatabaseSync } from 'node:sqlite';
import type { AdminAuditRow, Page, StoreIdentity, TokenRead } from '../../core/ports.ts';
import type { ResourceKind, ResourceRecord, TokenRecord } from '../../core/resources.ts';
import { pageLimit, toAudit, toIdentity, toResource, toToken } from '../rows.ts';
import type { AuditRow, ResourceRow, TokenRow } from '../rows.ts';
import { prepareMeta, prepareQuery, prepareResource, present, selectResources } from './rows.ts';

/** The cold look-ups. Synchronous: a row of a local database is nearer than another thread. */
export interface Reader {
  identity(): StoreIdentity;
  getResource(kind: ResourceKind, id: string): ResourceRecord | undefined;
  listResources(kind: ResourceKind, page?: Page): readonly ResourceRecord[];
  findToken(sha256: string): TokenRead;
  getToken(id: string): TokenRecord | undefined;
  listTokens(consumer: string | undefined, page?: Page): readonly TokenRecord[];
  listAdminAudit(limit: number): readonly AdminAuditRow[];
  getMeta(key: string): string | undefined;
  listMeta(prefix: string): ReadonlyMap<string, string>;
}

export function createReader(db: DatabaseSync): Reader {
  const meta = prepareMeta(db);
  const resource = prepareResource(db);
  const resources = prepareQuery<ResourceRow>(
    db,
    `${selectResources} WHERE r.kind = ? AND r.id > ? ORDER BY r.id LIMIT ?`,
  );
  // One statement, so that the row and the revision it is true of are of one moment.
  const tokenByHash = prepareQuery<{ as_of: number } & (TokenRow | { id: null })>(
    db,
    'SELECT m.revision AS as_of, t.* FROM store_meta m LEFT JOIN tokens t ON t.sha256 = ?',
  );
  const tokenById = prepareQuery<TokenRow>(db, 'SELECT * FROM tokens WHERE id = ?');
  const tokens = prepareQuery<TokenRow>(db, 'SELECT * FROM tokens WHERE id > ? ORDER BY id LIMIT ?');
  const tokensOf = prepareQuery<TokenRow>(db, 'SELECT * FROM tokens WHERE consumer = ? AND id > ? ORDER BY id LIMIT ?');
  const audit = prepareQuery<AuditRow>(db, 'SELECT * FROM admin_audit ORDER BY seq DESC LIMIT ?');
  const metaValues = prepareQuery<{ key: string; value: string }>(
    db,
    'SELECT key, value FROM meta WHERE substr(key, 1, length(?1)) = ?1',
  );
  const metaValue = prepareQuery<{ value: string }>(db, 'SELECT value FROM meta WHERE key = ?');

  return {
    identity: () => toIdentity(meta()),
    getResource(kind, id) {
      const row = resource.get(kind, id);
      return row && toResource(row);
    },
    listResources: (kind, page) => resources.all(kind, page?.after ?? '', pageLimit(page?.limit)).map(toResource),
    findToken(sha256) {
      const row = present(tokenByHash.get(sha256));
      return { asOf: row.as_of, token: row.id === null ? undefined : toToken(row) };
    },
    getToken(id) {
      const row = tokenById.get(id);
      return row && toToken(row);
    },
    listTokens(consumer, page) {
      const after = page?.after ?? '';
      const limit = pageLimit(page?.limit);
      const rows = consumer === undefined ? tokens.all(after, limit) : tokensOf.all(consumer, after, limit);
      return rows.map(toToken);
    },
    listAdminAudit: (limit) => audit.all(pageLimit(limit)).map(toAudit),
    getMeta: (key) => metaValue.get(key)?.value,
    listMeta: (prefix) => new Map(metaValues.all(prefix).map(({ key, value }) => [key, value])),
  };
}
