import { randomBytes } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import { splitMasterKeys } from '../core/master-key-text.ts';
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

/** What {@link decodeMasterKeys} reads, each key with its version. */
export function encodeMasterKeys(keys: readonly MasterKey[]): Secret {
  const lines = keys.map(({ version, key }) => `${version}:${Buffer.from(key.reveal()).toString('base64')}`);
  return new Secret(lines.join('\n'));
}

export function newMasterKey(version: string): MasterKey {
  return { version, key: new Secret(new Uint8Array(randomBytes(32))) };
}

/** `k` and the number after the highest that was ever used. */
export function nextVersion(known: Iterable<string>): string {
  const numbers = [...known].map((version) => Number(/^k(\d{1,6})$/.exec(version)?.[1] ?? 0));
  return `k${Math.max(0, ...numbers) + 1}`;
}
