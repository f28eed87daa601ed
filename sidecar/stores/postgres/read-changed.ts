import type { ResourceChange, Store, StoreIdentity } from '../../core/ports.ts';
import { distinctResources, followsOn, scannedRows, type ResourceReference } from '../changed-resources.ts';
import { toStoredResource, type ChangeRow, type ResourceRow } from '../rows.ts';
import type { ConnectionPool, Lease } from './pool.ts';
import { ending, leave, openView } from './read-all.ts';
import { unnest, type Sql } from './sql.ts';

/** Resources in one statement, and between two turns of the loop. */
const chunkRows = 200;

/** The resources that changed after `since`, as they are at one moment; see the port. */
export async function readChanged(
  pool: ConnectionPool,
  sql: Sql,
  since: StoreIdentity,
  limit: number,
): ReturnType<Store['readChanged']> {
  const { lease, meta, identity } = await openView(pool, sql);
  try {
    const references = followsOn(meta, since) ? await findChanged(lease, sql, since.revision, limit) : undefined;
    if (references === undefined || references.length === 0) {
      await leave(lease);
      return references && { ...identity, chunks: nothing() };
    }
    return { ...identity, chunks: ending(lease, chunks(lease, sql, references)) };
  } catch (error) {
    lease.drop();
    throw error;
  }
}

async function findChanged(
  lease: Lease,
  sql: Sql,
  since: number,
  limit: number,
): Promise<readonly ResourceReference[] | undefined> {
  const rows = await lease.query<Pick<ChangeRow, 'kind' | 'id'>>(
    `SELECT kind, id FROM ${sql.t}changes WHERE revision > $1 ORDER BY revision, seq LIMIT $2`,
    [since, scannedRows + 1],
  );
  const references = distinctResources(rows);
  return rows.length > scannedRows || references.length > limit ? undefined : references;
}

async function* chunks(
  lease: Lease,
  sql: Sql,
  references: readonly ResourceReference[],
): AsyncGenerator<readonly ResourceChange[], void> {
  const statement = `${sql.selectResources} JOIN ${unnest({ kind: 'text', id: 'text' })} ON r.kind = given.kind AND r.id = given.id`;
  for (let at = 0; at < references.length; at += chunkRows) {
    const some = references.slice(at, at + chunkRows);
    const rows = await lease.query<ResourceRow>(statement, [some.map(({ kind }) => kind), some.map(({ id }) => id)]);
    const found = new Map(rows.map((row) => [`${row.kind}/${row.id}`, row]));
    yield some.map(({ kind, id }) => {
      const row = found.get(`${kind}/${id}`);
      return { kind, id, record: row && toStoredResource(row) };
    });
  }
}

async function* nothing(): AsyncGenerator<readonly ResourceChange[], void> {
  // No resource changed: a token did, or nothing.
}
