import type { Migration } from './migration.ts';

/**
 * Revocations and disablings live apart from what they forbid (`tombstones`): a file that declares a resource anew, or
 * drops it and brings it back, cannot lift them. A token's tombstone is named by its hash, since a file may change ids.
 */
export const initial: Migration = {
  version: 1,
  name: 'initial',
  sql: `
    CREATE TABLE store_meta (
      only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
      store_id TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      revision INTEGER NOT NULL,
      log_floor INTEGER NOT NULL,
      schema_version INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE resources (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      owner TEXT NOT NULL,
      spec TEXT NOT NULL,
      revision INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX resources_by_owner ON resources (owner, kind, id);

    CREATE TABLE tokens (
      id TEXT PRIMARY KEY,
      sha256 TEXT NOT NULL UNIQUE,
      consumer TEXT NOT NULL,
      owner TEXT NOT NULL,
      description TEXT,
      not_before INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      revoked_at INTEGER,
      rotated_from TEXT,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER,
      revision INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX tokens_by_consumer ON tokens (consumer, id);
    CREATE INDEX tokens_by_owner ON tokens (owner, id);

    CREATE TABLE tombstones (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE changes (
      revision INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      cache_key TEXT NOT NULL,
      PRIMARY KEY (revision, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE admin_audit (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      revision INTEGER NOT NULL,
      at INTEGER NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      request_id TEXT
    ) STRICT;

    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
};
