import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CredentialFlowError } from '../core/error.ts';
import type { Log } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { decodeMasterKeys, encodeMasterKeys, type MasterKey } from './master-keys.ts';
import { randomBase62 } from './random-text.ts';

export const keyNames = ['master', 'gateway', 'log', 'admin'] as const;
export type KeyName = (typeof keyNames)[number];

export interface LoadedKeys {
  /** The current one first. */
  readonly masters: readonly MasterKey[];
  readonly gateway: Secret;
  readonly log: Secret;
  readonly admin: Secret;
  readonly sources: Readonly<Record<KeyName, 'configuration' | 'file'>>;
  /** Where each key's file is or would be. */
  readonly paths: Readonly<Record<KeyName, string>>;
  /** Names of the keys that were made just now. */
  readonly created: readonly KeyName[];
}

export interface LoadKeysOptions {
  readonly dataDir: string;
  readonly configured: Readonly<Record<KeyName, Secret | undefined>>;
  /** An empty data directory with the embedded store: what is missing is made. */
  readonly mayCreate: boolean;
}

/** Shorter keys could be guessed; 43 base62 characters are 256 bits. */
const minKeyLength = 32;
/** APISIX interpolates `$` in extra_headers, so no key of ours has one (facts, 1). */
const prefixes: Readonly<Record<Exclude<KeyName, 'master'>, string>> = { gateway: 'cfg_', log: 'cfl_', admin: 'cfa_' };

/**
 * The configured keys, else the files of the data directory, else new ones. Throws `keys_missing` for one that is
 * nowhere, `config_invalid` for one that cannot be used; messages name the place, never a value.
 */
export function loadKeys(options: LoadKeysOptions, deps: { readonly log: Log }): LoadedKeys {
  const { dataDir, configured, mayCreate } = options;
  const paths = keyPaths(dataDir);
  const created: KeyName[] = [];
  const read = (name: KeyName): Secret => {
    const given = configured[name] ?? readKeyFile(paths[name]);
    if (given !== undefined) {
      if (configured[name] === undefined) warnOfWideMode(paths[name], deps.log);
      return given;
    }
    if (!mayCreate) {
      throw new CredentialFlowError(
        'keys_missing',
        `the ${name} key is missing: set CREDENTIALFLOW_${name.toUpperCase()}_KEY (or its _FILE twin), or restore ${paths[name]}`,
      );
    }
    const made = new Secret(name === 'master' ? randomBytes(32).toString('base64') : newAccessKey(name));
    writeKeyFile(dataDir, name, made);
    created.push(name);
    return made;
  };
  const keys = { master: read('master'), gateway: read('gateway'), log: read('log'), admin: read('admin') };
  const { master, ...accessKeys } = keys;
  const masters = decodeMasterKeys(master);
  for (const name of ['gateway', 'log', 'admin'] as const) checkAccessKey(name, keys[name]);
  if (created.length > 0) deps.log.info('keys_created', { keys: created, directory: join(dataDir, 'keys') });
  const sources = Object.fromEntries(
    keyNames.map((name) => [name, configured[name] === undefined ? 'file' : 'configuration']),
  ) as LoadedKeys['sources'];
  return { ...accessKeys, masters, sources, paths, created };
}

export function keyPaths(dataDir: string): Readonly<Record<KeyName, string>> {
  const path = (name: KeyName): string => join(dataDir, 'keys', `${name}.key`);
  return { master: path('master'), gateway: path('gateway'), log: path('log'), admin: path('admin') };
}

/** 43 random base62 characters behind a prefix that tells what it is. */
export function newAccessKey(name: Exclude<KeyName, 'master'>): string {
  return prefixes[name] + randomBase62(43);
}

/** Where versions go that left the ring: backups of their time need them. */
export function retiredKeysPath(dataDir: string): string {
  return join(dataDir, 'keys', 'retired.key');
}

/** Writes the ring, after those that left it were kept aside. */
export function writeMasterKeys(dataDir: string, ring: readonly MasterKey[], left: readonly MasterKey[]): void {
  if (left.length > 0) {
    const before = readKeyFile(retiredKeysPath(dataDir));
    const old = before === undefined ? [] : decodeMasterKeys(before);
    const kept = old.filter(({ version }) => !left.some((key) => key.version === version));
    writeKey(dataDir, retiredKeysPath(dataDir), encodeMasterKeys([...left, ...kept]));
  }
  writeKey(dataDir, keyPaths(dataDir).master, encodeMasterKeys(ring));
}

/** Undefined where there is no file. One trailing line break is not part of the key. */
export function readKeyFile(path: string): Secret | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return new Secret(readFileSync(path, 'utf8').replace(/\r?\n$/, ''));
  } catch (error) {
    throw new CredentialFlowError('keys_missing', `${path} cannot be read`, { cause: error });
  }
}

/** Atomic: a crash leaves the old key or the new one. Mode 0600, in a directory of mode 0700. */
export function writeKeyFile(dataDir: string, name: KeyName, key: Secret): void {
  writeKey(dataDir, keyPaths(dataDir)[name], key);
}

function writeKey(dataDir: string, path: string, key: Secret): void {
  const directory = join(dataDir, 'keys');
  const temporary = `${path}.new`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const file = openSync(temporary, 'w', 0o600);
  try {
    chmodSync(temporary, 0o600);
    writeSync(file, `${key.reveal()}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  // The rename itself is on disk only when the directory is (fsync(2)).
  const entry = openSync(directory, 'r');
  try {
    fsyncSync(entry);
  } finally {
    closeSync(entry);
  }
}

function warnOfWideMode(path: string, log: Log): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o037) !== 0) log.warn('key_file_mode_wide', { path, mode: mode.toString(8), fix: `chmod 0600 ${path}` });
}

function checkAccessKey(name: KeyName, key: Secret): void {
  const text = key.reveal();
  const problem = text.startsWith('://')
    ? 'is an unresolved reference ($env://…)'
    : text.length < minKeyLength
      ? `has fewer than ${minKeyLength} characters`
      : /[^\x21-\x7e]|\$/.test(text)
        ? 'has a character that is not printable ASCII, or a "$", which APISIX would interpolate'
        : undefined;
  if (problem !== undefined) throw new CredentialFlowError('config_invalid', `the ${name} key ${problem}`);
}
