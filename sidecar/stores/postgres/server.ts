import { CredentialFlowError } from '../../core/error.ts';
import type { Log } from '../../core/ports.ts';
import { postgresFault, reasonOf } from './faults.ts';
import type { ConnectionPool } from './pool.ts';
import type { PostgresAddress } from './url.ts';

/** PostgreSQL 13, the oldest whose behaviour we rely on; `server_version_num`. */
const oldest = 130_000;
const firstConnectionMs = 10_000;

/**
 * The timeline that the server writes (a fail-over begins another one), at once, not at its next checkpoint; an
 * expression. A standby writes none.
 */
export const timelineNow =
  'CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END';

/** Whether the server behind the URL can be the store. Rejects with what to do. */
export async function checkServer(pool: ConnectionPool): Promise<void> {
  const [row] = await pool.query<{ version: string; number: string; encoding: string }>(
    firstConnectionMs,
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
       current_setting('server_encoding') AS encoding`,
  );
  if (row === undefined || Number(row.number) < oldest) {
    const version = row?.version.split(' ', 1)[0] ?? 'unknown';
    throw new CredentialFlowError('store_failed', `postgres: the server is version ${version}, 13 or newer is needed`);
  }
  if (row.encoding !== 'UTF8') {
    const fix = `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`;
    throw new CredentialFlowError(
      'store_failed',
      `postgres: the database has encoding ${row.encoding}, not UTF8: ${fix}`,
    );
  }
}

/** Whether the server says which timeline it writes; services that keep their log elsewhere do not. */
export async function tellsTimeline(pool: ConnectionPool): Promise<boolean> {
  try {
    await pool.query(firstConnectionMs, `SELECT ${timelineNow} AS timeline`);
    return true;
  } catch {
    return false;
  }
}

/** Names the place, never the password. */
export function unreachable(error: unknown, address: PostgresAddress): CredentialFlowError {
  const fault = postgresFault(error);
  const { host, port, database, user } = address;
  const place = `database "${database}" on ${host}:${port} as "${user}"`;
  return new CredentialFlowError(fault.code, `postgres: cannot use ${place}: ${reasonOf(fault)}`);
}

export function warnOfPlainConnection({ host, sslMode }: PostgresAddress, log: Log): void {
  if (sslMode === 'disable' && !isLocal(host)) {
    log.warn('store_connection_plain', {
      host,
      fix: 'add sslmode=verify-full to the URL of the store (and sslrootcert for a private authority)',
    });
  }
}

function isLocal(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127[.]/.test(host);
}
