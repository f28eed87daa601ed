import type { DatabaseSync } from 'node:sqlite';
import { CredentialFlowError } from '../../core/error.ts';
import type { AdminAuditRow, Page, StoreIdentity, TokenRead } from '../../core/ports.ts';
import type { ResourceKind, ResourceRecord, TokenRecord } from '../../core/resources.ts';
import { pageLimit, toAudit, toIdentity, toResource, toToken } from '../rows.ts';
import type { AuditRow, MetaRow, ResourceRow, TokenRow } from '../rows.ts';
import { allRows, getRow, selectMeta, selectResources } from './rows.ts';

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
  const meta = db.prepare(selectMeta);
  const resource = db.prepare(`${selectResources} WHERE r.kind = ? AND r.id = ?`);
  const resources = db.prepare(`${selectResources} WHERE r.kind = ? AND r.id > ? ORDER BY r.id LIMIT ?`);
  // One statement, so that the row and the revision it is true of are of one moment.
  const tokenByHash = db.prepare(
    'SELECT m.revision AS as_of, t.* FROM store_meta m LEFT JOIN tokens t ON t.sha256 = ?',
  );
  const tokenById = db.prepare('SELECT * FROM tokens WHERE id = ?');
  const tokens = db.prepare('SELECT * FROM tokens WHERE id > ? ORDER BY id LIMIT ?');
  const tokensOf = db.prepare('SELECT * FROM tokens WHERE consumer = ? AND id > ? ORDER BY id LIMIT ?');
  const audit = db.prepare('SELECT * FROM admin_audit ORDER BY seq DESC LIMIT ?');
  const metaValues = db.prepare('SELECT key, value FROM meta WHERE substr(key, 1, length(?1)) = ?1');
  const metaValue = db.prepare('SELECT value FROM meta WHERE key = ?');

  return {
    identity: () => toIdentity(present(getRow<MetaRow>(meta))),
    getResource(kind, id) {
      const row = getRow<ResourceRow>(resource, kind, id);
      return row && toResource(row);
    },
    listResources: (kind, page) =>
      allRows<ResourceRow>(resources, kind, page?.after ?? '', pageLimit(page?.limit)).map(toResource),
    findToken(sha256) {
      const row = present(getRow<{ as_of: number } & (TokenRow | { id: null })>(tokenByHash, sha256));
      return { asOf: row.as_of, token: row.id === null ? undefined : toToken(row) };
    },
    getToken(id) {
      const row = getRow<TokenRow>(tokenById, id);
      return row && toToken(row);
    },
    listTokens(consumer, page) {
      const after = page?.after ?? '';
      const limit = pageLimit(page?.limit);
      const rows =
        consumer === undefined
          ? allRows<TokenRow>(tokens, after, limit)
          : allRows<TokenRow>(tokensOf, consumer, after, limit);
      return rows.map(toToken);
    },
    listAdminAudit: (limit) => allRows<AuditRow>(audit, pageLimit(limit)).map(toAudit),
    getMeta: (key) => getRow<{ value: string }>(metaValue, key)?.value,
    listMeta: (prefix) =>
      new Map(allRows<{ key: string; value: string }>(metaValues, prefix).map(({ key, value }) => [key, value])),
  };
}

function present<T>(row: T | undefined): T {
  if (row === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
  return row;
}
