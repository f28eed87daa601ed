import { setImmediate } from 'node:timers/promises';
import { CredentialFlowError } from '../../core/error.ts';
import type { StoreCopy, StoreIdentity } from '../../core/ports.ts';
import { copyTableNames, copyTables, maxCopyRows, storeCopyFormat } from '../../core/store-copy.ts';
import type { ColumnType, CopyPart, CopyRow, CopyTable } from '../../core/store-copy.ts';
import { createCopyIntake, identityOfCopy, invalid } from '../copy-intake.ts';
import { toIdentity, type MetaRow } from '../rows.ts';
import { postgresFault, RowRefused } from './faults.ts';
import type { ConnectionPool, Lease, Session } from './pool.ts';
import { ending, openView } from './read-all.ts';
import { unnest, type Sql } from './sql.ts';
import { inTransaction, type TransactionTimes } from './transaction.ts';

/** The whole store of one moment. */
export async function dump(pool: ConnectionPool, sql: Sql): Promise<StoreCopy> {
  const { lease, identity } = await openView(pool, sql);
  return { format: storeCopyFormat, ...identity, parts: ending(lease, parts(lease, sql)) };
}

async function* parts(lease: Lease, sql: Sql): AsyncGenerator<CopyPart, void> {
  const end = {} as Record<CopyTable, number>;
  for (const table of copyTableNames) {
    end[table] = 0;
    for await (const rows of slices(lease, sql, table)) {
      end[table] += rows.length;
      yield { table, rows };
      await setImmediate();
    }
  }
  yield { end };
}

async function* slices(lease: Lease, sql: Sql, table: CopyTable): AsyncGenerator<readonly CopyRow[], void> {
  const { columns, orderBy } = copyTables[table];
  const select = `SELECT ${Object.keys(columns).join(', ')} FROM ${sql.t}${table} ORDER BY ${orderBy}`;
  await lease.query(`DECLARE copied NO SCROLL CURSOR FOR ${select}`);
  while (true) {
    const slice = await lease.query<CopyRow>(`FETCH ${maxCopyRows} FROM copied`);
    if (slice.length > 0) yield slice;
    if (slice.length < maxCopyRows) break;
  }
  await lease.query('CLOSE copied');
}

/** A copy comes from a file or over a network: it may rest for a while. Nobody else has business with an empty store. */
const loadTimes: TransactionTimes = { connectMs: 5_000, statementMs: 60_000, lockMs: 10_000, idleMs: 60_000 };

/** Fills an empty store, in one transaction. */
export async function load(
  pool: ConnectionPool,
  sql: Sql,
  copy: StoreCopy,
  aboveEpoch: number | undefined,
): Promise<StoreIdentity> {
  const { parts: given, ...head } = copy;
  const judge = createCopyIntake(head);
  return inTransaction(pool, loadTimes, async (session) => {
    if (!(await isEmpty(session, sql))) throw new CredentialFlowError('store_not_empty');
    try {
      for await (const part of given) {
        const taken = judge.take(part);
        if (taken !== undefined) await insert(session, sql, taken.table, taken.rows);
      }
    } catch (error) {
      throw postgresFault(error);
    }
    judge.finish();
    const identity = identityOfCopy(head, aboveEpoch);
    const { storeId, epoch, revision } = identity;
    await session.query(
      `UPDATE ${sql.t}store_meta SET store_id = $1, epoch = $2, revision = $3, log_floor = $3, log_rows = 0`,
      [storeId, epoch, revision],
    );
    return { result: identity };
  });
}

/** Takes the lock of writes. */
async function isEmpty(session: Session, sql: Sql): Promise<boolean> {
  const [meta] = await session.query<MetaRow>(`${sql.selectMeta} FOR UPDATE`);
  if (meta === undefined || toIdentity(meta).revision !== 0) return false;
  const any = copyTableNames.map((table) => `EXISTS (SELECT 1 FROM ${sql.t}${table})`).join(' OR ');
  const [row] = await session.query<{ any: boolean }>(`SELECT ${any} AS any`);
  return row?.any === false;
}

async function insert(session: Session, sql: Sql, table: CopyTable, rows: readonly CopyRow[]): Promise<void> {
  const columns: Readonly<Record<string, ColumnType>> = copyTables[table].columns;
  const names = Object.keys(columns);
  const types = Object.fromEntries(
    names.map((name) => [name, columns[name]?.startsWith('text') === true ? 'text' : 'bigint'] as const),
  );
  const list = names.join(', ');
  try {
    await session.query(
      // In the order in which they come: where rows are numbered, the numbers say so.
      `INSERT INTO ${sql.t}${table} (${list}) SELECT ${list} FROM ${unnest(types, 'place')} ORDER BY place`,
      names.map((name) => rows.map((row) => row[name] ?? null)),
    );
  } catch (error) {
    if (error instanceof RowRefused) throw invalid(`a row of ${table} ${error.why}`);
    throw error;
  }
}
