import type { DatabaseSync } from 'node:sqlite';
import type { ResourceTable, Tables, TokenTable } from '../mutations/tables.ts';
import type { TokenRow } from '../rows.ts';
import { prepareQuery, prepareResource } from './rows.ts';

/** The rules of a write work on the tables themselves: a row of a local database is microseconds away. */
export function createTables(db: DatabaseSync): Tables {
  return { resources: createResourceTable(db), tokens: createTokenTable(db) };
}

function createResourceTable(db: DatabaseSync): ResourceTable {
  const select = prepareResource(db);
  const upsert = db.prepare(
    `INSERT INTO resources (kind, id, owner, spec, revision, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET owner = excluded.owner, spec = excluded.spec, revision = excluded.revision,
       updated_at = excluded.updated_at`,
  );
  const remove = db.prepare('DELETE FROM resources WHERE kind = ? AND id = ?');
  const bury = db.prepare('INSERT INTO tombstones (kind, id, at) VALUES (?, ?, ?)');
  const unbury = db.prepare('DELETE FROM tombstones WHERE kind = ? AND id = ?');
  return {
    get: (kind, id) => select.get(kind, id),
    put(row) {
      upsert.run(row.kind, row.id, row.owner, row.spec, row.revision, row.created_at, row.updated_at);
    },
    remove: (kind, id) => void remove.run(kind, id),
    setDisabled(kind, id, atMs) {
      if (atMs === undefined) unbury.run(kind, id);
      else bury.run(kind, id, atMs);
    },
  };
}

function createTokenTable(db: DatabaseSync): TokenTable {
  const byId = prepareQuery<TokenRow>(db, 'SELECT * FROM tokens WHERE id = ?');
  const byIdOrHash = prepareQuery<TokenRow>(db, 'SELECT * FROM tokens WHERE id = ? OR sha256 = ?');
  const revokedAt = prepareQuery<{ at: number }>(db, `SELECT at FROM tombstones WHERE kind = 'token' AND id = ?`);
  const upsert = db.prepare(
    `INSERT INTO tokens (id, sha256, consumer, owner, description, not_before, expires_at, revoked_at, rotated_from,
       created_at, revision, scopes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET consumer = excluded.consumer, owner = excluded.owner, description = excluded.description,
       not_before = excluded.not_before, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
       rotated_from = excluded.rotated_from, revision = excluded.revision, scopes = excluded.scopes`,
  );
  const remove = db.prepare('DELETE FROM tokens WHERE id = ?');
  const bury = db.prepare(
    `INSERT INTO tombstones (kind, id, at) VALUES ('token', ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at`,
  );
  return {
    get: (id) => byId.get(id),
    withIdOrHash: (id, sha256) => byIdOrHash.all(id, sha256),
    revokedAt: (sha256) => revokedAt.get(sha256)?.at,
    put(row) {
      const { id, sha256, consumer, owner, description, not_before, expires_at, revoked_at, rotated_from } = row;
      const who = [id, sha256, consumer, owner, description] as const;
      upsert.run(...who, not_before, expires_at, revoked_at, rotated_from, row.created_at, row.revision, row.scopes);
    },
    remove: (id) => void remove.run(id),
    bury: (sha256, atMs) => void bury.run(sha256, atMs),
  };
}
