import { randomBytes } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import { firstMasterKeyVersion, splitMasterKeys } from '../core/master-key-text.ts';
import { Secret } from '../core/secret.ts';

/** A master key and the name under which everything made with it says so. */
export interface MasterKey {
  /** `[a-z0-9]{1,8}`; part of every token and sealed value. */
  readonly version: string;
  /** 32 bytes. */
  readonly key: Secret<Uint8Array>;
}

/** The keys of a ring as they are written (core/master-key-text.ts), the current one first; or `config_invalid`. */
export function decodeMasterKeys(text: Secret): readonly MasterKey[] {
  const keys = splitMasterKeys(text.reveal());
  if (keys === undefined) {
    throw new CredentialFlowError(
      'config_invalid',
      'the master key must be 32 bytes in base64 (openssl rand -base64 32), or several different ones as VERSION:KEY',
    );
  }
  return keys.map(({ version, base64 }) => ({
    version,
    key: new Secret(new Uint8Array(Buffer.from(base64, 'base64'))),
  }));
}

/** What {@link decodeMasterKeys} reads; a first key alone is written without its version, as it was made. */
export function encodeMasterKeys(keys: readonly MasterKey[]): Secret {
  const base64 = ({ key }: MasterKey): string => Buffer.from(key.reveal()).toString('base64');
  const [only] = keys;
  if (keys.length === 1 && only?.version === firstMasterKeyVersion) return new Secret(base64(only));
  return new Secret(keys.map((key) => `${key.version}:${base64(key)}`).join('\n'));
}

export function newMasterKey(version: string): MasterKey {
  return { version, key: new Secret(new Uint8Array(randomBytes(32))) };
}

/** `k` and the number after the highest that was ever used. */
export function nextVersion(known: Iterable<string>): string {
  const numbers = [...known].map((version) => Number(/^k(\d{1,6})$/.exec(version)?.[1] ?? 0));
  return `k${Math.max(0, ...numbers) + 1}`;
}
