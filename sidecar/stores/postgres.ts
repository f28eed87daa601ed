import { createHash, randomUUID } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import type { Store } from '../core/ports.ts';
import { defaultApplyStallMs, slices } from './apply-source.ts';
import { migrations } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { clientConfig } from './postgres/client.ts';
import { dump, load } from './postgres/copy.ts';
import { closed } from './postgres/faults.ts';
import { startHints, type Hints } from './postgres/hints.ts';
import { migrate } from './postgres/migrate.ts';
import { createPool, type ConnectionPool } from './postgres/pool.ts';
import { readAll } from './postgres/read-all.ts';
import { readChanged } from './postgres/read-changed.ts';
import { createReader } from './postgres/reader.ts';
import { checkServer, tellsTimeline, unreachable, warnOfPlainConnection } from './postgres/server.ts';
import { createSql } from './postgres/sql.ts';
import { recordTokenUse, setMeta } from './postgres/small-writes.ts';
import type { TransactionTimes } from './postgres/transaction.ts';
import { parsePostgresLocation, type PostgresAddress } from './postgres/url.ts';
import { createWriteQueue } from './postgres/write-queue.ts';
import { createWriter } from './postgres/writer.ts';
import { createRevisionListeners } from './revision-listeners.ts';
import { defaultChangeLogRows, type StoreDeps, type StoreOptions } from './store-kind.ts';

export interface PostgresOptions extends StoreOptions {
  /** Default: those of this version. */
  readonly migrations?: readonly Migration[];
  /** Default: {@link defaultTimes}. */
  readonly times?: Partial<PostgresTimes>;
}

/** All in milliseconds. */
export interface PostgresTimes {
  /** Everything but look-ups and writes. */
  readonly readMs: number;
  /** The steps of a write; `lockMs` bounds the wait for the revision's row, `idleMs` how long a hung client may hold it. */
  readonly write: TransactionTimes;
}

const defaultTimes: PostgresTimes = {
  readMs: 5_000,
  write: { connectMs: 5_000, statementMs: 10_000, lockMs: 10_000, idleMs: 5_000 },
};

const defaultLookupMs = 400;

/**
 * The store of a fleet. Rejects with `config_invalid` (the URL, its files), `schema_newer`, or `store_failed` with what
 * the server said; then nothing is left open.
 */
export async function openPostgresStore(location: string, options: PostgresOptions, deps: StoreDeps): Promise<Store> {
  const address = parsePostgresLocation(location);
  const config = clientConfig(address);
  const pool = createPool({ config, max: address.poolMax }, deps);
  try {
    await checkServer(pool).catch((error: unknown) => {
      throw unreachable(error, address);
    });
    warnOfPlainConnection(address, deps.log);
    const { from, to, schema } = await migrate(pool, {
      schema: address.schema,
      migrations: options.migrations ?? migrations.postgres,
      mustExist: options.mustExist,
    });
    if (from !== to) deps.log.info('store_migrated', { from, to, schema });
    const server = { schema, tellsTimeline: await tellsTimeline(pool) };
    return createPostgresStore(pool, address, server, options, deps);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

function createPostgresStore(
  pool: ConnectionPool,
  address: PostgresAddress,
  { schema, tellsTimeline: doesTell }: { readonly schema: string; readonly tellsTimeline: boolean },
  options: PostgresOptions,
  deps: StoreDeps,
): Store {
  const { clock, log } = deps;
  const times = { ...defaultTimes, ...options.times };
  const sql = createSql(address.schema);
  const sender = randomUUID();
  // The name of a channel is as short as that of a table; it is the database's, not the schema's.
  const channel = `credentialflow_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`;
  const { findToken, ...reads } = createReader(
    { sql, lookupMs: options.lookupTimeoutMs ?? defaultLookupMs, readMs: times.readMs, tellsTimeline: doesTell },
    pool,
  );
  const writer = createWriter(
    {
      sql,
      times: times.write,
      changeLogRows: options.changeLogRows ?? defaultChangeLogRows,
      announce: { channel, sender },
    },
    pool,
  );
  const queue = createWriteQueue();
  const commits = createRevisionListeners(log);
  const hinted = createRevisionListeners(log);
  const applyStallMs = options.applyStallMs ?? defaultApplyStallMs;
  let hints: Hints | undefined;
  let closing: Promise<void> | undefined;

  function listen(): void {
    if (hints !== undefined || closing !== undefined || address.listen === false) return;
    hints = startHints(
      { config: { ...clientConfig(address), ...address.listen }, channel, sender },
      {
        clock,
        log,
        announce: (payload) => pool.query(times.readMs, 'SELECT pg_notify($1, $2)', [channel, payload]),
        onHint: hinted.tell,
      },
    );
  }

  return {
    kind: 'postgres',
    durable: options.readOnlyBecauseOfFiles !== true,
    ...reads,
    findToken,
    async write(mutations, actor) {
      const { identity, changed } = await queue.take(() => writer.write(mutations, actor, clock.now()));
      if (changed) commits.tell(identity.revision);
      return identity;
    },
    async apply(chunks, applyOptions) {
      const { committed, ...report } = await queue.take(async () => {
        // Whole, before the lock is taken: a revocation elsewhere must not wait for a slow source.
        const whole = await collect(slices(chunks, applyStallMs, clock));
        return writer.apply(whole, applyOptions, clock.now());
      });
      if (committed) commits.tell(report.revision);
      return report;
    },
    readAll: () => readAll(pool, sql),
    readChanged: (since, limit) => readChanged(pool, sql, since, limit),
    recordTokenUse: (uses) => recordTokenUse(uses, { sql, times: times.write }, pool),
    onCommit: commits.add,
    onHint(listener) {
      const cancel = hinted.add(listener);
      listen();
      return cancel;
    },
    setMeta: (key, value, actor) =>
      setMeta({ key, value, actor }, { sql, times: times.write, nowMs: clock.now() }, pool),
    dump: () => dump(pool, sql),
    async load(copy, { aboveEpoch } = {}) {
      const identity = await queue.take(() => load(pool, sql, copy, aboveEpoch));
      commits.tell(identity.revision);
      return identity;
    },
    /** Lets the writes that were asked for finish. */
    close() {
      closing ??= queue.close(closed).then(async () => {
        hints?.close();
        await pool.close();
      });
      return closing;
    },
  };
}

async function collect<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  try {
    for await (const item of source) all.push(item);
    return all;
  } catch (error) {
    if (error instanceof CredentialFlowError) throw error;
    // Whoever reads the source knows more; its message may quote it.
    throw new CredentialFlowError('store_failed', 'the source of an apply failed');
  }
}
