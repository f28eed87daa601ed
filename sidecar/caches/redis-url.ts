import { CredentialFlowError } from '../core/error.ts';
import { Secret } from '../core/secret.ts';
import type { RedisNode } from './redis-node.ts';

/** Files are read again for each new connection, so that renewed certificates are taken up. */
export interface RedisTls {
  /** PEM files: who signed the server's certificate (default: the CAs that Node knows); ours, where it wants one. */
  readonly caPath: string | undefined;
  readonly certPath: string | undefined;
  readonly keyPath: string | undefined;
  /** The name in the server's certificate. Default: the host. */
  readonly servername: string | undefined;
}

/** What a server wants of who connects. */
export interface RedisAccess {
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly db: number;
  readonly tls: RedisTls | undefined;
}

/** What a cache url names. */
export type RedisTarget = {
  readonly access: RedisAccess;
  /** What every key and channel begins with. */
  readonly prefix: string;
  /** One server, the sentinels, or where to ask first for the nodes of a cluster. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
} & (
  | { readonly mode: 'standalone' | 'cluster' }
  | { readonly mode: 'sentinel'; readonly master: string; readonly sentinelAccess: RedisAccess }
);

/** The forms, for messages and documents. */
export const redisForms = [
  'redis://[user:password@]host[:port][/db]',
  'redis-sentinel://[user:password@]host[:port],…/master[/db]',
  'redis-cluster://[user:password@]host[:port],…',
] as const;

const schemePattern = /^redis(s?)(?:-(sentinel|cluster))?:\/\//;
const restPattern = /^(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^@?#]*))?(?:\?([^@#]*))?$/;
const hostPattern = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;
const maxNodes = 64;
const ports = { standalone: 6_379, sentinel: 26_379, cluster: 6_379 } as const;

/**
 * Reads `redis[s]://…`, `redis[s]-sentinel://…` or `redis[s]-cluster://…`. Throws `config_invalid` with what is wrong
 * and what is right, without repeating anything that it read: it may be a password in the wrong place.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const scheme = schemePattern.exec(url);
  if (scheme === null) throw wrong(`begins with none of ${redisForms.map((form) => form.split('[')[0]).join(', ')}`);
  const mode = scheme[2] === 'sentinel' || scheme[2] === 'cluster' ? scheme[2] : 'standalone';
  const rest = restPattern.exec(url.slice(scheme[0].length));
  if (rest === null) {
    throw wrong(`does not read ${redisForms.join(', ')}; percent-encode / ? # @ in user and password`);
  }
  const [, user = '', hosts = '', path = '', query = ''] = rest;
  const parameters = readParameters(query, mode, scheme[1] === 's');
  const [username, password] = readUser(user);
  const tls = scheme[1] === 's' ? readTls(parameters) : undefined;
  const [master, dbText] = mode === 'sentinel' ? readMaster(path) : ['', path];
  const access = { username, password, db: readDb(dbText, mode), tls };
  const common = { access, prefix: readPrefix(parameters.get('prefix')), nodes: readNodes(hosts, mode) };
  if (mode !== 'sentinel') return { mode, ...common };
  const sentinelPassword = parameters.get('sentinel_password');
  const sentinelAccess = {
    username: parameters.get('sentinel_username'),
    password: sentinelPassword === undefined ? undefined : new Secret(sentinelPassword),
    db: 0,
    tls,
  };
  return { mode, ...common, master, sentinelAccess };
}

function readNodes(hosts: string, mode: RedisTarget['mode']): RedisTarget['nodes'] {
  const nodes = hosts.split(',').map((text): RedisNode => {
    const [, v6, name, port] = hostPattern.exec(text) ?? [];
    const host = v6 ?? name;
    const number = port === undefined ? ports[mode] : Number(port);
    if (host === undefined || number < 1 || number > 65_535) {
      throw wrong('names a host that is not host, host:port or [ipv6]:port with a port from 1 to 65535');
    }
    return { host, port: number };
  });
  const [first, ...others] = nodes;
  if (first === undefined) throw wrong('names no host');
  if (mode === 'standalone' && others.length > 0) {
    throw wrong('names several hosts: that is redis-sentinel://… or redis-cluster://…');
  }
  if (others.length >= maxNodes) throw wrong(`names more than ${maxNodes} hosts`);
  return [first, ...others];
}

function readUser(text: string): readonly [username: string | undefined, password: Secret | undefined] {
  const colon = text.indexOf(':');
  const username = decode(colon === -1 ? text : text.slice(0, colon));
  const password = colon === -1 ? '' : decode(text.slice(colon + 1));
  if (username !== '' && password === '') throw wrong('names a user without a password: user:password@');
  return [username === '' ? undefined : username, password === '' ? undefined : new Secret(password)];
}

function readMaster(path: string): readonly [master: string, db: string] {
  const [name = '', ...db] = path.split('/');
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(decode(name))) {
    throw wrong('does not name the master that the sentinels watch: redis-sentinel://host:port,…/master');
  }
  return [decode(name), db.join('/')];
}

function readDb(text: string, mode: RedisTarget['mode']): number {
  if (!/^\d{0,5}$/.test(text)) throw wrong('ends with a path that is not a database number');
  if (mode === 'cluster' && Number(text) !== 0) throw wrong('names a database: a cluster has only number 0');
  return Number(text);
}

/** Braces would be a hash tag, and put all keys of a cluster on one node. */
function readPrefix(prefix = 'cf:'): string {
  if (/^[A-Za-z0-9_.:/-]{1,64}$/.test(prefix)) return prefix;
  throw wrong('has a prefix that is not 1 to 64 letters, digits and _ . : / -');
}

function readTls(parameters: ReadonlyMap<string, string>): RedisTls {
  const [certPath, keyPath] = [parameters.get('cert'), parameters.get('key')];
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw wrong('has one of cert and key: a client certificate needs both');
  }
  return { caPath: parameters.get('ca'), certPath, keyPath, servername: parameters.get('servername') };
}

const tlsParameters = ['ca', 'cert', 'key', 'servername'];

function readParameters(query: string, mode: RedisTarget['mode'], tls: boolean): ReadonlyMap<string, string> {
  const known = [
    'prefix',
    ...(tls ? tlsParameters : []),
    ...(mode === 'sentinel' ? ['sentinel_username', 'sentinel_password'] : []),
  ];
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    const value = equals === -1 ? '' : decode(part.slice(equals + 1));
    if (!tls && tlsParameters.includes(name))
      throw wrong(`has TLS parameters (${tlsParameters.join(', ')}) without rediss`);
    if (!known.includes(name)) throw wrong(`has a parameter that is none of ${known.join(', ')}`);
    if (value === '') throw wrong(`has an empty parameter ${name}`);
    if (parameters.has(name)) throw wrong(`has the parameter ${name} twice`);
    parameters.set(name, value);
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong('has a % that is no percent-encoding: write it as %25');
  }
}

const wrong = (what: string): CredentialFlowError =>
  new CredentialFlowError('config_invalid', `The cache url ${what}.`);
