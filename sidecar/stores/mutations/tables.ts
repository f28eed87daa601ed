import type { Actor, Change } from '../../core/ports.ts';
import type { ResourceKind } from '../../core/resources.ts';
import type { ResourceRow, TokenRow } from '../rows.ts';

/**
 * What the rules of a write look at and change, synchronously: the tables themselves where the database is in the
 * process (SQLite), else rows that were fetched beforehand and are written back afterwards (PostgreSQL).
 */
export interface Tables {
  readonly resources: ResourceTable;
  readonly tokens: TokenTable;
}

export interface ResourceTable {
  get(kind: ResourceKind, id: string): ResourceRow | undefined;
  /** Makes the row or changes its spec, revision and time; leaves the tombstone as it is. */
  put(row: Omit<ResourceRow, 'disabled'>): void;
  /** The tombstone stays. */
  remove(kind: ResourceKind, id: string): void;
  /** Sets or lifts the tombstone. */
  setDisabled(kind: ResourceKind, id: string, atMs: number | undefined): void;
}

export interface TokenTable {
  get(id: string): TokenRow | undefined;
  /** None, one or two rows. */
  withIdOrHash(id: string, sha256: string): readonly TokenRow[];
  /** The tombstone of a hash. */
  revokedAt(sha256: string): number | undefined;
  /** Makes the row or changes it; the time of its last use stays. */
  put(row: TokenRow): void;
  remove(id: string): void;
  /** Sets the tombstone of a hash, or its time. */
  bury(sha256: string, atMs: number): void;
}

export interface ChangeEntry {
  readonly kind: Change['kind'];
  readonly id: string;
  readonly cacheKey: string;
  /** For the audit row. */
  readonly action: string;
}

/** One logical write under way: everything it changes gets one revision. */
export interface LedgerEntry {
  /** The revision this write will have. Nobody else can take it: the write lock is held. */
  readonly revision: number;
  readonly nowMs: number;
  readonly actor: Actor;
  changed(entry: ChangeEntry): void;
}
