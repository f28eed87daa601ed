import type { AdminAuditRow, Change, StoreIdentity } from '../core/ports.ts';
import type { Owner, ResourceKind, ResourceRecord, TokenRecord } from '../core/resources.ts';

/** Rows as every store's tables hold them; see migrations/. */

export interface MetaRow {
  readonly store_id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly log_floor: number;
}

export interface ResourceRow {
  readonly kind: ResourceKind;
  readonly id: string;
  readonly owner: Owner;
  /** Canonical JSON. */
  readonly spec: string;
  /** SQLite has no booleans. */
  readonly disabled: 0 | 1 | boolean;
  readonly revision: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface TokenRow {
  readonly id: string;
  readonly sha256: string;
  readonly consumer: string;
  readonly owner: Owner;
  readonly description: string | null;
  readonly not_before: number;
  readonly expires_at: number;
  /** JSON list of texts. */
  readonly scopes: string | null;
  readonly revoked_at: number | null;
  readonly rotated_from: string | null;
  readonly created_at: number;
  readonly last_used_at: number | null;
  readonly revision: number;
}

export interface ChangeRow {
  readonly revision: number;
  readonly seq: number;
  readonly kind: Change['kind'];
  readonly id: string;
  readonly cache_key: string;
  /** Milliseconds since it was written, by the store's clock; null: written before times were kept. */
  readonly age: number | null;
}

/** Of the changes of a page; undefined where none has an age. */
export function oldestAgeOf(rows: readonly ChangeRow[]): number | undefined {
  let oldest: number | undefined;
  for (const { age } of rows) if (age !== null && age > (oldest ?? -1)) oldest = Math.max(0, age);
  return oldest;
}

export interface AuditRow {
  readonly revision: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly kind: string;
  readonly id: string;
  readonly request_id: string | null;
}

/** The key that caches know a token by. */
export function tokenCacheKey(sha256: string): string {
  return `token:${sha256}`;
}

export function toIdentity(row: MetaRow): StoreIdentity {
  return { storeId: row.store_id, epoch: row.epoch, revision: row.revision };
}

/** Throws for a row that does not hold what was put there. */
export function toResource(row: ResourceRow): ResourceRecord {
  return resourceOf(row, JSON.parse(row.spec));
}

/** As it is stored: a spec that does not parse is null, for whoever can set it apart from the others. */
export function toStoredResource(row: ResourceRow): ResourceRecord {
  let spec: unknown = null;
  try {
    spec = JSON.parse(row.spec);
  } catch {
    // Said by the null.
  }
  return resourceOf(row, spec);
}

function resourceOf(row: ResourceRow, spec: unknown): ResourceRecord {
  const record = {
    kind: row.kind,
    id: row.id,
    owner: row.owner,
    spec,
    disabled: Boolean(row.disabled),
    revision: row.revision,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
  // What was put under a kind is what that kind's schema let through.
  return record as ResourceRecord;
}

export function toToken(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    sha256: row.sha256,
    consumer: row.consumer,
    owner: row.owner,
    description: row.description ?? undefined,
    notBeforeMs: row.not_before,
    expiresAtMs: row.expires_at,
    ...(row.scopes === null ? {} : { scopes: readScopes(row.scopes) }),
    revokedAtMs: row.revoked_at ?? undefined,
    rotatedFrom: row.rotated_from ?? undefined,
    createdAtMs: row.created_at,
    lastUsedAtMs: row.last_used_at ?? undefined,
    revision: row.revision,
  };
}

/** What cannot be read allows nothing. */
function readScopes(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((scope) => typeof scope === 'string')) return value;
  } catch {
    // Said below.
  }
  return [];
}

export function toChange(row: ChangeRow): Change {
  return { revision: row.revision, kind: row.kind, id: row.id, cacheKey: row.cache_key };
}

export function toAudit(row: AuditRow): AdminAuditRow {
  return {
    revision: row.revision,
    atMs: row.at,
    actor: row.actor,
    action: row.action,
    kind: row.kind,
    id: row.id,
    requestId: row.request_id ?? undefined,
  };
}

const defaultPageLimit = 100;
const maxPageLimit = 1_000;

export function pageLimit(limit: number | undefined): number {
  return Math.min(maxPageLimit, Math.max(1, limit ?? defaultPageLimit));
}
