import type { ConnectionPool, Lease, Session } from './pool.ts';

export interface TransactionTimes {
  /** For a connection. */
  readonly connectMs: number;
  /** Longest statement. */
  readonly statementMs: number;
  /** Longest wait for a lock. */
  readonly lockMs: number;
  /** Longest silence of ours before the server gives the transaction up, and its locks free. */
  readonly idleMs: number;
}

/** The server ends a statement a little before we would tear the connection off: its answer says more. */
const graceMs = 500;

/**
 * Begins a transaction whose time-outs the server keeps, for itself only: a pooler may give the connection to somebody
 * else afterwards. The caller ends it and releases the lease; dropping the lease rolls back.
 */
export async function begin(pool: ConnectionPool, times: TransactionTimes, mode = ''): Promise<Lease> {
  const lease = await pool.lease(times.connectMs, times.statementMs + graceMs);
  try {
    await lease.script(
      `BEGIN ${mode}; SET LOCAL statement_timeout = ${times.statementMs}; SET LOCAL lock_timeout = ${times.lockMs};
       SET LOCAL idle_in_transaction_session_timeout = ${times.idleMs}`,
    );
    return lease;
  } catch (error) {
    lease.drop();
    throw error;
  }
}

/** All of `work` or nothing. `undo`: its result says that everything is to be rolled back all the same. */
export async function inTransaction<T>(
  pool: ConnectionPool,
  times: TransactionTimes,
  work: (session: Session) => Promise<{ readonly result: T; readonly undo?: boolean }>,
): Promise<T> {
  const lease = await begin(pool, times);
  try {
    const { result, undo } = await work(lease);
    await lease.script(undo === true ? 'ROLLBACK' : 'COMMIT');
    return result;
  } catch (error) {
    // Nothing to do for a connection that broke: the server rolls back by itself.
    await lease.script('ROLLBACK').catch(lease.drop);
    throw error;
  } finally {
    lease.release();
  }
}
