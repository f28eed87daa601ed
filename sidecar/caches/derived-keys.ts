import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Keys derived from one master key by a salt each: ours for sealing, those of other processes for opening. */
export interface DerivedKeys {
  /** The key to seal with, and the salt that must travel with the value. */
  readonly own: () => { readonly salt: Buffer; readonly key: KeyObject };
  /** The key for a salt that came with a value; derived anew (about 10 µs) unless it is ours or was kept. */
  readonly forSalt: (salt: Buffer) => KeyObject;
  /** Keeps the key of a salt. Only after a value has opened with it: made-up salts must not push out real ones. */
  readonly keep: (salt: Buffer, key: KeyObject) => void;
}

export const saltBytes = 16;

/** Far below 2^32, where random nonces of one AES-GCM key get likely to meet. */
const sealsPerKey = 2 ** 28;

export interface DerivedKeysOptions {
  readonly masterKey: Uint8Array;
  /** What the keys are for: no two uses share a key. */
  readonly purpose: string;
  /** Keys of other processes to keep. */
  readonly maxForeign: number;
}

export function createDerivedKeys(options: DerivedKeysOptions): DerivedKeys {
  const master = createSecretKey(options.masterKey);
  const foreign = new LRUCache<string, KeyObject>({ max: options.maxForeign });
  let current = fresh();
  let uses = 0;

  function derive(salt: Buffer): KeyObject {
    return createSecretKey(Buffer.from(hkdfSync('sha256', master, salt, options.purpose, 32)));
  }

  function fresh(): { readonly salt: Buffer; readonly key: KeyObject } {
    const salt = randomBytes(saltBytes);
    return { salt, key: derive(salt) };
  }

  return {
    own() {
      uses += 1;
      if (uses > sealsPerKey) {
        foreign.set(current.salt.toString('latin1'), current.key);
        current = fresh();
        uses = 1;
      }
      return current;
    },
    forSalt: (salt) =>
      salt.equals(current.salt) ? current.key : (foreign.get(salt.toString('latin1')) ?? derive(salt)),
    keep(salt, key) {
      if (!salt.equals(current.salt)) foreign.set(salt.toString('latin1'), key);
    },
  };
}
