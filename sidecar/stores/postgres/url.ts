import { CredentialFlowError } from '../../core/error.ts';
import { Secret } from '../../core/secret.ts';

export type SslMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** What a `postgres://` URL says. The names of its options are libpq's where libpq has them. */
export interface PostgresAddress {
  /** A name, an address, or the directory of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly database: string;
  /** Where the tables live; undefined: where the role's `search_path` says. */
  readonly schema: string | undefined;
  readonly sslMode: SslMode;
  /** Paths of PEM files. */
  readonly sslRootCert: string | undefined;
  readonly sslCert: string | undefined;
  readonly sslKey: string | undefined;
  /** Connections at most. */
  readonly poolMax: number;
  readonly connectTimeoutMs: number;
  /** Where LISTEN goes, which needs the server itself; false: changes are only polled. */
  readonly listen: { readonly host: string; readonly port: number } | false;
}

const sslModes: readonly SslMode[] = ['disable', 'require', 'verify-ca', 'verify-full'];
const options = [
  'host',
  'schema',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'pool_max',
  'connect_timeout',
  'listen',
  'listen_host',
  'listen_port',
] as const;
type OptionName = (typeof options)[number];

/** `location`: what follows `postgres:`. Throws `config_invalid`, without repeating what it read. */
export function parsePostgresLocation(location: string): PostgresAddress {
  const url = URL.canParse(`postgres:${location}`) ? new URL(`postgres:${location}`) : undefined;
  if (url === undefined || !location.startsWith('//') || url.hash !== '') {
    throw invalid(
      'expected postgres://user:password@host:port/database, with "/", "@", ":" and "#" in its parts escaped',
    );
  }
  const given = readOptions(url);
  const host = given.get('host') ?? (url.hostname === '' ? 'localhost' : url.hostname.replace(/^\[(.*)\]$/, '$1'));
  const port = url.port === '' ? 5432 : Number(url.port);
  const user = decode(url.username);
  const database = decode(url.pathname.slice(1)) || user;
  if (user === '') throw invalid('the URL names no user: postgres://user:password@host:port/database');
  const address = {
    host,
    port,
    user,
    password: url.password === '' ? undefined : new Secret(decode(url.password)),
    database,
    schema: readSchema(given.get('schema')),
    ...readTls(given),
    poolMax: wholeNumber(given, 'pool_max', 2, 200) ?? 10,
    connectTimeoutMs: (wholeNumber(given, 'connect_timeout', 1, 60) ?? 5) * 1_000,
  };
  return { ...address, listen: readListen(given, address) };
}

type Given = ReadonlyMap<OptionName, string>;

function readOptions(url: URL): Given {
  const given = new Map<OptionName, string>();
  for (const [name, value] of url.searchParams) {
    const known = options.find((option) => option === name);
    // The name of an unknown option may be half a password whose "?" was not escaped.
    if (known === undefined) throw invalid(`an option of the URL is not known; known are ${options.join(', ')}`);
    if (given.has(known)) throw invalid(`the option ${known} is there twice`);
    if (value === '') throw invalid(`the option ${known} is empty`);
    given.set(known, value);
  }
  return given;
}

function readTls(given: Given): Pick<PostgresAddress, 'sslMode' | 'sslRootCert' | 'sslCert' | 'sslKey'> {
  const text = given.get('sslmode') ?? 'disable';
  const sslMode = sslModes.find((mode) => mode === text);
  if (sslMode === undefined) throw invalid(`sslmode is one of ${sslModes.join(', ')}`);
  const files = { sslRootCert: given.get('sslrootcert'), sslCert: given.get('sslcert'), sslKey: given.get('sslkey') };
  const named = Object.values(files).some((file) => file !== undefined);
  if (sslMode === 'disable' && named) throw invalid('sslrootcert, sslcert and sslkey need an sslmode');
  if ((files.sslCert === undefined) !== (files.sslKey === undefined)) throw invalid('sslcert and sslkey go together');
  // As libpq does it: who names a root certificate wants it to be asked.
  return { sslMode: sslMode === 'require' && files.sslRootCert !== undefined ? 'verify-ca' : sslMode, ...files };
}

function readListen(given: Given, main: { readonly host: string; readonly port: number }): PostgresAddress['listen'] {
  const listen = given.get('listen') ?? 'on';
  if (listen !== 'on' && listen !== 'off') throw invalid('listen is on or off');
  const host = given.get('listen_host') ?? main.host;
  const port = wholeNumber(given, 'listen_port', 1, 65_535) ?? main.port;
  return listen === 'on' && { host, port };
}

/** A name that needs no thought about quoting, in any tool. */
function readSchema(text: string | undefined): string | undefined {
  if (text === undefined || /^[a-z_][a-z0-9_]{0,62}$/.test(text)) return text;
  throw invalid('schema is a name of lower-case letters, digits and "_", 63 at most');
}

function wholeNumber(given: Given, name: OptionName, min: number, max: number): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw invalid(`${name} is a whole number from ${min} to ${max}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('the user, password or database of the URL is not percent-encoded');
  }
}

function invalid(message: string): CredentialFlowError {
  return new CredentialFlowError('config_invalid', `store: ${message}`);
}
