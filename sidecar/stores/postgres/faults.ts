import { CredentialFlowError } from '../../core/error.ts';
import { faultName, property } from '../fault-name.ts';

/** SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) → what it means here. */
const bySqlState: Readonly<Record<string, string>> = {
  '25006': 'the server is read-only: a standby, or a primary that was demoted',
  '25P03': 'the server ended a transaction that stood idle for too long',
  '28000': 'the server refuses this role, from here or without TLS (pg_hba.conf)',
  '28P01': 'the password is wrong, or the role does not exist',
  '3D000': 'the database does not exist',
  '3F000': 'the schema does not exist',
  '40P01': 'a deadlock was broken',
  '42501': 'the role lacks a right on the tables, the schema or the database',
  '42703': 'a column is missing',
  '42P07': 'a table of that name is there already, and is not ours',
  '42P01': 'a table is missing: the schema, or the search_path, is not the one that was migrated',
  '53300': 'the server has no connection left (max_connections, or the limit of the role)',
  '55P03': 'another write held its lock for too long',
  '57014': 'the statement took too long',
  '57P01': 'the server is shutting down',
  '57P02': 'the server crashed and restarts',
  '57P03': 'the server is starting, or shutting down',
};

/** What Node says when no connection could be made. */
const byNodeCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ENOENT: 'the unix socket does not exist',
  ECONNRESET: 'the connection was reset',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the server is for another name (sslmode=verify-full)',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate of the server is not signed by a known authority (sslrootcert)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate of the server is not signed by a known authority (sslrootcert)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate of the server is not signed by a known authority (sslrootcert)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate of the server is not signed by a known authority (sslrootcert)',
};

/** Texts of the driver itself, which has no codes. */
const byDriverText: readonly (readonly [RegExp, string])[] = [
  [/timeout/i, 'no connection was made, or none was free, in time'],
  [/^Connection terminated/, 'the connection broke'],
  [/does not support SSL/, 'the server does not offer TLS (sslmode)'],
  [/^SASL: .*password must be/, 'the server wants a password, and the URL has none'],
  [/pool after calling end|was closed/, 'the store is closed'],
];

const sqlStateDiskFull = '53100';
/** The server is there, and did not do what was asked; otherwise it is away. */
const awayStates = /^(57P0[123]|25006|53300)$/;

/** The server cannot be reached, or says that it is not there for us: whoever asks next will hear the same. */
export class ServerAway extends CredentialFlowError {
  constructor(reason: string) {
    super('store_failed', `postgres: ${reason}`);
  }
}

/** SQLSTATE → what is wrong with a row that the server does not take. */
const rowStates: Readonly<Record<string, string>> = {
  '22021': 'has a text with a NUL character, which PostgreSQL cannot hold',
  '22P05': 'has a text that the database cannot hold',
  '23505': 'comes twice',
};

/** A row that the server does not take. */
export class RowRefused extends CredentialFlowError {
  readonly why: string;

  constructor(why: string) {
    super('resource_invalid', `postgres: a row ${why}`);
    this.why = why;
  }
}

/**
 * What the store's callers may see of a fault. Never the error's message: PostgreSQL quotes rows and statements in it.
 */
export function postgresFault(error: unknown): CredentialFlowError {
  if (error instanceof CredentialFlowError) return error;
  const state = sqlState(error);
  const rowState = state === undefined ? undefined : rowStates[state];
  if (rowState !== undefined) return new RowRefused(rowState);
  if (state === sqlStateDiskFull) return new CredentialFlowError('storage_full');
  const reason = reasonOf(error);
  // An error without a code, of which the driver knows nothing, is one of ours: a row that cannot be read.
  const isOurs = error instanceof Error && reason === error.name;
  if (isOurs || (state !== undefined && !awayStates.test(state))) {
    return new CredentialFlowError('store_failed', `postgres: ${reason}`);
  }
  return new ServerAway(reason);
}

export const tooLate = (): ServerAway => new ServerAway('the server did not answer in time');

export const standbyFault = (): ServerAway => new ServerAway('the server is a standby: name the primary');

export const closed = (): CredentialFlowError => new CredentialFlowError('store_failed', 'the store is closed');

/** Asked for a row that nobody fetched: whether it exists is not known. */
export function notFetched(): CredentialFlowError {
  return new CredentialFlowError('internal', 'a row was not fetched before it was needed');
}

/** The five characters, of an error that the server sent. */
export function sqlState(error: unknown): string | undefined {
  const code = property(error, 'code');
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Short, bounded, and safe to log. */
export function reasonOf(error: unknown): string {
  if (error instanceof CredentialFlowError) return error.message.replace(/^postgres: /, '');
  const state = sqlState(error);
  if (state !== undefined) return `${bySqlState[state] ?? 'an error'} (${state})`;
  // Every address of a name was tried: the first one's reason is as good as another's.
  const first = error instanceof AggregateError ? (error.errors as readonly unknown[])[0] : error;
  const name = faultName(first);
  const known = byNodeCode[name];
  if (known !== undefined) return known;
  const text = first instanceof Error ? first.message : '';
  return byDriverText.find(([pattern]) => pattern.test(text))?.[1] ?? name;
}
