import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { StoreIdentity } from '../core/ports.ts';
import { createDerivedKeys, saltBytes } from './derived-keys.ts';

/** What a sealed value is bound to: it opens nowhere else. */
export interface SealContext extends Pick<StoreIdentity, 'storeId' | 'epoch'> {
  /** Revision of the store at which the content was read; travels with the value, authenticated. */
  readonly asOf: number;
}

export type Opened =
  | { readonly ok: true; readonly asOf: number; readonly plaintext: string }
  | {
      readonly ok: false;
      /** `malformed`: not one of ours by shape. `not_authentic`: made, moved or changed by somebody else. */
      readonly reason: 'malformed' | 'not_authentic';
    };

/** Seals values for a place that nobody trusts. */
export interface ValueSealer {
  readonly keyVersion: string;
  seal(kind: string, key: string, context: SealContext, plaintext: string): string;
  /** Never throws: what does not open is a miss. */
  open(kind: string, key: string, context: Omit<SealContext, 'asOf'>, sealed: string): Opened;
}

export interface ValueSealerOptions {
  /** Key material, at least 16 bytes of full entropy, used for nothing else. */
  readonly masterKey: Uint8Array;
  /** Names the master key; a value sealed under another version does not open. */
  readonly keyVersion: string;
  /** Keys of other processes to keep. Default 64. */
  readonly maxForeignKeys?: number;
}

/** version (1) | salt (16) | nonce (12) | asOf (8) | ciphertext | tag (16), base64url. */
const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + saltBytes + nonceBytes + 8;
/** What keys are made of: JSON writes these characters as they are. */
const needsNoEscape = /^[\w:/.-]*$/;

export function createValueSealer(options: ValueSealerOptions): ValueSealer {
  const keys = createDerivedKeys({
    masterKey: options.masterKey,
    purpose: 'credentialflow cached value v1',
    maxForeign: options.maxForeignKeys ?? 64,
  });

  // As JSON, no two different bindings spell the same.
  function binding(kind: string, key: string, { storeId, epoch, asOf }: SealContext): Buffer {
    const { keyVersion } = options;
    // The same text, put together in a quarter of the time.
    const json = needsNoEscape.test(kind + key + storeId + keyVersion)
      ? `[${String(formatVersion)},"${kind}","${key}","${storeId}",${String(epoch)},${String(asOf)},"${keyVersion}"]`
      : JSON.stringify([formatVersion, kind, key, storeId, epoch, asOf, keyVersion]);
    return Buffer.from(json);
  }

  function open(kind: string, key: string, context: Omit<SealContext, 'asOf'>, sealed: string): Opened {
    const bytes = Buffer.from(sealed, 'base64url');
    // The decoder forgives what it does not know: only the one spelling of these bytes counts.
    if (bytes.length < headBytes + tagBytes || bytes[0] !== formatVersion || bytes.toString('base64url') !== sealed) {
      return { ok: false, reason: 'malformed' };
    }
    const asOf = Number(bytes.readBigUInt64BE(headBytes - 8));
    if (!Number.isSafeInteger(asOf)) return { ok: false, reason: 'malformed' };
    const salt = bytes.subarray(1, 1 + saltBytes);
    const secretKey = keys.forSalt(salt);
    const nonce = bytes.subarray(1 + saltBytes, 1 + saltBytes + nonceBytes);
    const decipher = createDecipheriv('aes-256-gcm', secretKey, nonce, { authTagLength: tagBytes });
    decipher.setAAD(binding(kind, key, { storeId: context.storeId, epoch: context.epoch, asOf }));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    try {
      // GCM keeps nothing back: `final` only says whether all this was authentic.
      const plaintext = decipher.update(bytes.subarray(headBytes, bytes.length - tagBytes)).toString('utf8');
      decipher.final();
      keys.keep(salt, secretKey);
      return { ok: true, asOf, plaintext };
    } catch {
      return { ok: false, reason: 'not_authentic' };
    }
  }

  return {
    keyVersion: options.keyVersion,
    seal(kind, key, context, plaintext) {
      const { salt, key: secretKey } = keys.own();
      const nonce = randomBytes(nonceBytes);
      const asOf = Buffer.alloc(8);
      asOf.writeBigUInt64BE(BigInt(context.asOf));
      const cipher = createCipheriv('aes-256-gcm', secretKey, nonce, { authTagLength: tagBytes });
      cipher.setAAD(binding(kind, key, context));
      const content = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.of(formatVersion), salt, nonce, asOf, content, cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open,
  };
}
