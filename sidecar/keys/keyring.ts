import { createPrivateKey, createPublicKey, hash, hkdfSync, type KeyObject } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { CredentialFlowError } from '../core/error.ts';
import { Secret } from '../core/secret.ts';
import type { MasterKey } from './master-keys.ts';
import { readSealedHeader, sealedHeader } from './sealed-header.ts';
import { checkSealingKey, type SealingKey } from './sealing-key.ts';

/** The purpose for which the keys of backups are derived. */
export const backupPurpose = 'backup';

/** Everything that is derived from the master keys; nothing of it can be seen by printing it. */
export interface Keyring {
  /** Version of the key that new things are made with. */
  readonly current: string;
  /** Every version that still opens what it sealed. */
  readonly versions: readonly string[];
  /** 32 bytes for one purpose: HKDF-SHA256 (RFC 5869); other purposes learn nothing from it. */
  derive(purpose: string, version?: string): Uint8Array;
  /**
   * JWE (RFC 7516, A256GCMKW and A256GCM): a data key of its own, wrapped by the current master key. `binding` names
   * the resource (`credential/<id>`); with `storeId` the value opens in that store only.
   */
  seal(plaintext: Secret, binding: string, storeId?: string): Promise<string>;
  /** Opens what `seal` or sealWithPublicKey made, where it was sealed for. Rejects with `secret_invalid`. */
  open(sealed: string, binding: string, storeId?: string): Promise<Secret>;
  /** With it others seal for this installation and cannot open. */
  sealingKey(): SealingKey;
  /** Tells master keys apart; reveals nothing of them. */
  fingerprint(version?: string): string;
  /** From now on it is these keys, the first of them current. Throws as {@link createKeyring} does, changing nothing. */
  replace(masterKeys: readonly MasterKey[]): void;
  /** What is in it, for whoever writes it down. */
  masterKeys(): readonly MasterKey[];
}

/** The first key is the current one. Throws a RangeError for no key, a doubled version or a key of another size. */
export function createKeyring(masterKeys: readonly MasterKey[]): Keyring {
  let { keys, current } = readRing(masterKeys);

  function derive(purpose: string, version = current): Uint8Array {
    const key = keys.get(version);
    if (key === undefined) throw new RangeError(`there is no master key "${version}"`);
    return new Uint8Array(hkdfSync('sha256', key.reveal(), 'credentialflow', purpose, 32));
  }

  return {
    get current() {
      return current;
    },
    get versions() {
      return [...keys.keys()];
    },
    derive,
    seal(plaintext, binding, storeId) {
      return new CompactEncrypt(new TextEncoder().encode(plaintext.reveal()))
        .setProtectedHeader(sealedHeader('A256GCMKW', current, binding, storeId))
        .encrypt(derive('seal'));
    },
    async open(sealed, binding, storeId) {
      const { kid, alg } = readSealedHeader(sealed, binding, storeId);
      if (!keys.has(kid)) {
        throw new CredentialFlowError(
          'secret_invalid',
          `the value was sealed with key "${kid}", which this keyring lacks`,
        );
      }
      const key = alg === 'ECDH-ES' ? privateKeyOf(derive('seal-x25519', kid)) : derive('seal', kid);
      try {
        const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: ['A256GCM'] };
        const { plaintext } = await compactDecrypt(sealed, key, options);
        return new Secret(new TextDecoder('utf-8', { fatal: true }).decode(plaintext));
      } catch {
        throw new CredentialFlowError(
          'secret_invalid',
          `the sealed value for ${binding} does not open with key "${kid}"`,
        );
      }
    },
    sealingKey() {
      const { x } = createPublicKey(privateKeyOf(derive('seal-x25519'))).export({ format: 'jwk' });
      return checkSealingKey({ kty: 'OKP', crv: 'X25519', x, kid: current });
    },
    fingerprint(version = current) {
      return hash('sha256', derive('fingerprint', version), 'hex').slice(0, 32);
    },
    replace(others) {
      ({ keys, current } = readRing(others));
    },
    masterKeys: () => [...keys].map(([version, key]) => ({ version, key })),
  };
}

function readRing(masterKeys: readonly MasterKey[]) {
  const keys = new Map<string, Secret<Uint8Array>>();
  for (const { version, key } of masterKeys) {
    if (!/^[a-z0-9]{1,8}$/.test(version)) throw new RangeError(`"${version}" is no version of a master key`);
    if (keys.has(version)) throw new RangeError(`the master key version "${version}" is given twice`);
    if (key.reveal().length !== 32) throw new RangeError('a master key has 32 bytes');
    keys.set(version, key);
  }
  const [first] = masterKeys;
  if (first === undefined) throw new RangeError('a keyring needs a master key');
  return { keys, current: first.version };
}

/** PKCS #8 of an X25519 private key (RFC 8410, section 7) around 32 derived bytes. */
function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}
