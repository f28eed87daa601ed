import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import type { Keyring } from './keyring.ts';

/** Seals long content for a disk that others may read, change, cut and put back, in frames of a size of one's choice. */
export interface FrameSealer {
  /** A sequence under a key of its own. `binding` says what it is; it opens as nothing else. */
  begin(binding: string): FrameSequence;
  /** Every frame in order. Throws `secret_invalid` for anything but a whole sequence of {@link FrameSealer.begin}. */
  open(binding: string, sealed: Buffer): Generator<string, void>;
}

export interface FrameSequence {
  /** Comes before the first frame; nothing secret. */
  readonly head: Buffer;
  /** Frames in order; exactly one, the last, with `last`. */
  seal(text: string, last: boolean): Buffer;
}

/**
 * `cf-sealed 1 <key version> <salt>` and a line break; then frames of length (4 bytes) | ciphertext | tag (16). The key
 * is derived from master key, salt, head and binding; the nonce is the frame's number and whether it is the last, as in
 * STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, 2015): no frame can be changed, moved, left out or added.
 */
const headPattern = /^cf-sealed 1 ([a-z0-9]{1,8}) ([A-Za-z0-9_-]{22})\n/;
const saltBytes = 16;
const lengthBytes = 4;
const tagBytes = 16;
const longestHead = 64;

export function createFrameSealer(keyring: Pick<Keyring, 'current' | 'versions' | 'derive'>): FrameSealer {
  const keyOf = (version: string, salt: Buffer, head: string, binding: string): Buffer =>
    Buffer.from(hkdfSync('sha256', keyring.derive('frames', version), salt, `${head}${binding}`, 32));

  return {
    begin(binding) {
      const salt = randomBytes(saltBytes);
      const head = `cf-sealed 1 ${keyring.current} ${salt.toString('base64url')}\n`;
      const key = keyOf(keyring.current, salt, head, binding);
      let count = 0;
      return {
        head: Buffer.from(head),
        seal(text, last) {
          const cipher = createCipheriv('aes-256-gcm', key, nonceOf(count++, last));
          const content = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
          const length = Buffer.alloc(lengthBytes);
          length.writeUInt32BE(content.length);
          return Buffer.concat([length, content]);
        },
      };
    },
    *open(binding, sealed) {
      const [head = '', version = '', salt = ''] =
        headPattern.exec(sealed.subarray(0, longestHead).toString('latin1')) ?? [];
      if (head === '') throw unopened(binding, 'is not a sealed file of ours');
      if (!keyring.versions.includes(version)) throw unopened(binding, `was sealed with another key ("${version}")`);
      const key = keyOf(version, Buffer.from(salt, 'base64url'), head, binding);
      let at = head.length;
      for (let count = 0; ; count++) {
        const end = at + lengthBytes + (at + lengthBytes <= sealed.length ? sealed.readUInt32BE(at) : 0);
        if (end - at < lengthBytes + tagBytes || end > sealed.length) throw unopened(binding, 'is cut short');
        const last = end === sealed.length;
        yield openFrame(key, nonceOf(count, last), sealed.subarray(at + lengthBytes, end), binding);
        if (last) return;
        at = end;
      }
    },
  };
}

function openFrame(key: Buffer, nonce: Buffer, content: Buffer, binding: string): string {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(content.subarray(content.length - tagBytes));
  try {
    const start = decipher.update(content.subarray(0, content.length - tagBytes));
    return Buffer.concat([start, decipher.final()]).toString('utf8');
  } catch {
    throw unopened(binding, 'does not open: another master key, or it was changed');
  }
}

function nonceOf(count: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(count));
  nonce[11] = last ? 1 : 0;
  return nonce;
}

function unopened(binding: string, why: string): CredentialFlowError {
  return new CredentialFlowError('secret_invalid', `${binding} ${why}`);
}
