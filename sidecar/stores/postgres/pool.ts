import { Pool, type ClientConfig, type PoolClient } from 'pg';
import type { Clock } from '../../core/ports.ts';
import { sever, TidyClient } from './client.ts';
import { closed, postgresFault, standbyFault, tooLate } from './faults.ts';

/** Statements on one connection. Each is bounded in time; after one that was too slow the connection is gone. */
export interface Session {
  query<Row>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Several statements in one message, without values; the rows of the last. */
  script<Row>(sql: string): Promise<readonly Row[]>;
}

/** A connection that is held; `release` it, or `drop` it where its state is unknown. */
export interface Lease extends Session {
  release(): void;
  drop(): void;
}

/** A few connections for everything but LISTEN. Rejects with CredentialFlowErrors. */
export interface ConnectionPool {
  /** One statement, waiting for a connection included, in `withinMs`. */
  query<Row>(withinMs: number, sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** A connection within `withinMs`; each of its statements may take `statementMs`. */
  lease(withinMs: number, statementMs: number): Promise<Lease>;
  /** What is held is torn off. */
  close(): Promise<void>;
}

export interface PoolOptions {
  readonly config: ClientConfig;
  readonly max: number;
}

const idleMs = 60_000;
/** How long a server may take to say farewell, milliseconds. */
const farewellMs = 1_000;

export function createPool(options: PoolOptions, deps: { readonly clock: Clock }): ConnectionPool {
  const { clock } = deps;
  const pool = new Pool({ ...options.config, Client: TidyClient, max: options.max, idleTimeoutMillis: idleMs });
  const clients = new Set<PoolClient>();
  const leases = new Set<Lease>();
  /** Connections to a server that may be read from. */
  const greeted = new WeakSet<PoolClient>();
  let isClosed = false;
  let closing: Promise<void> | undefined;

  // Idle connections break when a server goes; the pool replaces them, and who needs one hears of it.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    clients.add(client);
    client.on('error', () => undefined);
  });
  pool.on('remove', (client) => void clients.delete(client));

  async function acquire(withinMs: number): Promise<PoolClient> {
    if (isClosed) throw closed();
    let isLate = false;
    const connecting = pool.connect();
    connecting.then(
      (client) => {
        if (isLate) client.release();
      },
      () => undefined,
    );
    return bounded(connecting, withinMs, () => {
      isLate = true;
    });
  }

  async function bounded<T>(work: Promise<T>, withinMs: number, onLate: () => void): Promise<T> {
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(Math.max(1, withinMs), () => {
      onLate();
      late.reject(tooLate());
    });
    try {
      return await Promise.race([work, late.promise]);
    } catch (error) {
      throw postgresFault(error);
    } finally {
      cancel();
    }
  }

  /** `leftMs`: how long the statement that begins now may take. */
  async function lend(withinMs: number, leftMs: () => number): Promise<Lease> {
    const lent = createLease(await acquire(withinMs), leftMs);
    try {
      await lent.greet();
      return lent;
    } catch (error) {
      lent.drop();
      throw error;
    }
  }

  function createLease(client: PoolClient, leftMs: () => number): Lease & { greet(): Promise<void> } {
    let over = false;
    const end = (broken: boolean): void => {
      if (over) return;
      over = true;
      leases.delete(lent);
      if (broken) sever(client);
      client.release(broken);
    };
    const bound = <T>(work: () => Promise<T>): Promise<T> => {
      if (over) return Promise.reject(isClosed ? closed() : tooLate());
      return bounded(work(), leftMs(), lent.drop);
    };
    const lent = {
      async query<Row>(sql: string, values: readonly unknown[] = []) {
        return rowsOf<Row>(await bound(() => client.query({ text: sql, values: [...values] })));
      },
      async script<Row>(sql: string) {
        const results: unknown = await bound(() => client.query(sql));
        return rowsOf<Row>(Array.isArray(results) ? results.at(-1) : results);
      },
      /** Once a connection: what a standby says may be older than what was revoked. */
      async greet() {
        if (greeted.has(client)) return;
        const [row] = await lent.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
        if (row?.standby !== false) throw standbyFault();
        greeted.add(client);
      },
      release: () => end(false),
      drop: () => end(true),
    };
    leases.add(lent);
    return lent;
  }

  async function shutDown(): Promise<void> {
    isClosed = true;
    for (const lent of leases) lent.drop();
    await bounded(pool.end(), farewellMs, () => undefined).catch(() => undefined);
    for (const client of clients) sever(client);
  }

  return {
    async query<Row>(withinMs: number, sql: string, values?: readonly unknown[]) {
      const until = clock.monotonic() + withinMs;
      const lent = await lend(withinMs, () => until - clock.monotonic());
      try {
        return await lent.query<Row>(sql, values);
      } finally {
        lent.release();
      }
    },
    lease: (withinMs, statementMs) => lend(withinMs, () => statementMs),
    close: () => (closing ??= shutDown()),
  };
}

/* The place where a row gets its type: the driver gives none, and the caller wrote the statement. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
function rowsOf<Row>(result: unknown): readonly Row[] {
  return (result as { readonly rows: readonly Row[] }).rows;
}
