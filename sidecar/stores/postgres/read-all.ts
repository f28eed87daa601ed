import { setImmediate } from 'node:timers/promises';
import { CredentialFlowError } from '../../core/error.ts';
import type { Store, StoreIdentity } from '../../core/ports.ts';
import type { ResourceRecord } from '../../core/resources.ts';
import { toIdentity, toStoredResource, type MetaRow, type ResourceRow } from '../rows.ts';
import { postgresFault } from './faults.ts';
import type { ConnectionPool, Lease } from './pool.ts';
import type { Sql } from './sql.ts';
import { begin, type TransactionTimes } from './transaction.ts';

/** Rows between two turns of the loop: about a millisecond of parsing, and as long for the round trip. */
const chunkRows = 200;

/** `idleMs`: how long a reader may rest between two parts before the server gives it up. */
const times: TransactionTimes = { connectMs: 5_000, statementMs: 10_000, lockMs: 5_000, idleMs: 60_000 };

/**
 * Begins a transaction whose view is one moment, with the store as it is then. It must come to its end: by {@link ending}
 * or {@link leave}.
 */
export async function openView(
  pool: ConnectionPool,
  sql: Sql,
): Promise<{ readonly lease: Lease; readonly meta: MetaRow; readonly identity: StoreIdentity }> {
  const lease = await begin(pool, times, 'ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const [row] = await lease.query<MetaRow>(sql.selectMeta);
    if (row === undefined) throw new CredentialFlowError('store_failed', 'store_meta is empty');
    return { lease, meta: row, identity: toIdentity(row) };
  } catch (error) {
    lease.drop();
    throw error;
  }
}

/** Gives the connection back when the reader is done, or has gone. */
export async function* ending<T>(lease: Lease, parts: AsyncIterable<T>): AsyncGenerator<T, void> {
  try {
    yield* parts;
  } catch (error) {
    throw postgresFault(error);
  } finally {
    await leave(lease);
  }
}

/** Ends a view before its parts are read. */
export async function leave(lease: Lease): Promise<void> {
  await lease.script('ROLLBACK').catch(lease.drop);
  lease.release();
}

/** Everything of one moment. */
export async function readAll(pool: ConnectionPool, sql: Sql): ReturnType<Store['readAll']> {
  const { lease, identity } = await openView(pool, sql);
  return { ...identity, chunks: ending(lease, chunks(lease, sql)) };
}

async function* chunks(lease: Lease, sql: Sql): AsyncGenerator<readonly ResourceRecord[], void> {
  const next = `${sql.selectResources} WHERE (r.kind, r.id) > ($1, $2) ORDER BY r.kind, r.id LIMIT ${chunkRows}`;
  let after = { kind: '', id: '' };
  while (true) {
    const rows = await lease.query<ResourceRow>(next, [after.kind, after.id]);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(toStoredResource);
    if (rows.length < chunkRows) return;
    after = last;
    await setImmediate();
  }
}
