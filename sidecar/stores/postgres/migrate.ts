import { randomUUID } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import { CredentialFlowError } from '../../core/error.ts';
import type { Migration } from '../migrations/migration.ts';
import { postgresFault } from './faults.ts';
import type { ConnectionPool, Session } from './pool.ts';
import { inTransaction, type TransactionTimes } from './transaction.ts';

export interface Migrated {
  /** 0: the tables were made. */
  readonly from: number;
  readonly to: number;
  /** Where the tables are. */
  readonly schema: string;
}

/** Others may be migrating: who comes second waits, and finds the work done. */
const times: TransactionTimes = { connectMs: 10_000, statementMs: 300_000, lockMs: 60_000, idleMs: 60_000 };

/**
 * Brings the schema up to the last migration, one process at a time. A store that was there gets a new epoch: what
 * others cached under the old schema is void. A schema newer than the last migration is refused (`schema_newer`).
 */
export async function migrate(
  pool: ConnectionPool,
  options: {
    readonly schema: string | undefined;
    readonly migrations: readonly Migration[];
    readonly mustExist?: boolean | undefined;
  },
): Promise<Migrated> {
  const { migrations } = options;
  const to = migrations.at(-1)?.version ?? 0;
  return inTransaction(pool, times, async (session) => {
    const schema = options.schema ?? (await currentSchema(session));
    // Looked at first: an up-to-date store needs no lock.
    let from = await schemaVersion(session, schema);
    if (from === 0 && options.mustExist === true) {
      throw new CredentialFlowError(
        'store_failed',
        `postgres: there is no store in the schema ${schema} of this database`,
      );
    }
    if (from < to) {
      await session.query(`SELECT pg_advisory_xact_lock(hashtextextended('credentialflow:' || $1, 0))`, [schema]);
      await makeSchema(session, schema);
      from = await schemaVersion(session, schema);
      // For this transaction: the migrations name tables without a schema.
      await session.script(`SET LOCAL search_path = ${escapeIdentifier(schema)}`);
    }
    if (from > to) {
      throw new CredentialFlowError('schema_newer', `the store has schema ${from}, this version knows ${to}`);
    }
    for (const migration of migrations) if (migration.version > from) await run(session, migration);
    if (from === 0) {
      await session.query('INSERT INTO store_meta VALUES (1, $1, 1, 0, 0, 0, $2)', [randomUUID(), to]);
    } else if (from < to) {
      await session.query('UPDATE store_meta SET schema_version = $1, epoch = epoch + 1', [to]);
    }
    return { result: { from, to, schema } };
  });
}

async function makeSchema(session: Session, schema: string): Promise<void> {
  const [found] = await session.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (found !== undefined) return;
  await session.script(`CREATE SCHEMA ${escapeIdentifier(schema)}`).catch((error: unknown) => {
    throw explained(error, `the schema ${schema} does not exist and could not be created`);
  });
}

async function currentSchema(session: Session): Promise<string> {
  const [row] = await session.query<{ schema: string | null }>('SELECT current_schema() AS schema');
  const schema = row?.schema ?? undefined;
  if (schema !== undefined) return schema;
  throw new CredentialFlowError(
    'store_failed',
    'postgres: no schema of the search_path exists: name one in the URL (?schema=credentialflow)',
  );
}

/** 0: there are no tables. Asks the catalogue itself: `to_regclass` may not see what was made during this transaction. */
async function schemaVersion(session: Session, schema: string): Promise<number> {
  const [found] = await session.query(
    `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = 'store_meta'`,
    [schema],
  );
  if (found === undefined) return 0;
  try {
    const [row] = await session.query<{ version: number }>(
      `SELECT schema_version AS version FROM ${escapeIdentifier(schema)}.store_meta`,
    );
    if (row !== undefined) return row.version;
  } catch (error) {
    throw explained(error, `the table store_meta in the schema ${schema} cannot be read as one of ours`);
  }
  throw new CredentialFlowError('store_failed', `postgres: the table store_meta in the schema ${schema} is empty`);
}

async function run(session: Session, migration: Migration): Promise<void> {
  try {
    await session.script(migration.sql);
  } catch (error) {
    throw explained(error, `migration ${migration.version} (${migration.name}) failed`);
  }
}

function explained(error: unknown, what: string): CredentialFlowError {
  const fault = postgresFault(error);
  if (fault.code !== 'store_failed') return fault;
  return new CredentialFlowError('store_failed', `postgres: ${what}: ${fault.message.replace(/^postgres: /, '')}`);
}
