import type { SchemaStep } from './migration.ts';

/**
 * Revocations and disablings live apart from what they forbid (`tombstones`): a file that declares a resource anew, or
 * drops it and brings it back, cannot lift them. A token's tombstone is named by its hash, since a file may change ids.
 */
export const initial: SchemaStep = {
  version: 1,
  name: 'initial',
  sqlite: `
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
  postgres: `
    CREATE TABLE store_meta (
      only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
      store_id TEXT NOT NULL,
      epoch BIGINT NOT NULL,
      revision BIGINT NOT NULL,
      log_floor BIGINT NOT NULL,
      -- How many rows the change log has: counting them would cost every write more than it is worth.
      log_rows BIGINT NOT NULL,
      schema_version INTEGER NOT NULL
    );

    -- Ids sort by their bytes, as in every other store.
    CREATE TABLE resources (
      kind TEXT COLLATE "C" NOT NULL,
      id TEXT COLLATE "C" NOT NULL,
      owner TEXT COLLATE "C" NOT NULL,
      spec TEXT NOT NULL,
      revision BIGINT NOT NULL,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (kind, id)
    );
    CREATE INDEX resources_by_owner ON resources (owner, kind, id);

    CREATE TABLE tokens (
      id TEXT COLLATE "C" PRIMARY KEY,
      sha256 TEXT COLLATE "C" NOT NULL UNIQUE,
      consumer TEXT COLLATE "C" NOT NULL,
      owner TEXT COLLATE "C" NOT NULL,
      description TEXT,
      not_before BIGINT NOT NULL,
      expires_at BIGINT NOT NULL,
      revoked_at BIGINT,
      rotated_from TEXT,
      created_at BIGINT NOT NULL,
      last_used_at BIGINT,
      revision BIGINT NOT NULL
    );
    CREATE INDEX tokens_by_consumer ON tokens (consumer, id);
    CREATE INDEX tokens_by_owner ON tokens (owner, id);

    CREATE TABLE tombstones (
      kind TEXT COLLATE "C" NOT NULL,
      id TEXT COLLATE "C" NOT NULL,
      at BIGINT NOT NULL,
      PRIMARY KEY (kind, id)
    );

    CREATE TABLE changes (
      revision BIGINT NOT NULL,
      seq BIGINT NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      cache_key TEXT NOT NULL,
      PRIMARY KEY (revision, seq)
    );

    CREATE TABLE admin_audit (
      seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      revision BIGINT NOT NULL,
      at BIGINT NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      request_id TEXT
    );

    CREATE TABLE meta (key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
  `,
};
