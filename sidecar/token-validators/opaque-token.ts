import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '../core/secret.ts';
import { createMac, type Mac } from './mac.ts';

/**
 * The format of our own tokens (docs/tokens.md, docs/adr/0004):
 *
 *     cf_<key id>_<28 random><9 tag><6 checksum>      in base62
 *
 * 28 random characters are 166 bits. The tag is HMAC-SHA256 under a key derived from the master key, cut to 48 bits:
 * a forged token is told without asking the store. The checksum (CRC-32) serves secret scanners, which have no key.
 */
const randomLength = 28;
const tagLength = 9;
/** 48 bits. */
const tagHexDigits = 12;
const checksumLength = 6;
const tailLength = tagLength + checksumLength;
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** For secret scanners (docs/tokens.md); the checksum tells a token from a look-alike. */
export const tokenPattern = /\bcf_[0-9a-z]{1,8}_[0-9A-Za-z]{43}\b/;
const wholeToken = /^cf_([0-9a-z]{1,8})_[0-9A-Za-z]{43}$/;
const maxLength = 3 + 8 + 1 + randomLength + tailLength;

export interface MintedToken {
  /** `tok_…`; names the token in logs and commands. */
  readonly id: string;
  /** Shown once. */
  readonly token: Secret;
  /** Hex of the SHA-256 of the whole token: what the store keeps. */
  readonly sha256: string;
}

export interface MintOptions {
  /** Version of the master key that `tagKey` was derived from; `[0-9a-z]{1,8}`. */
  readonly keyId: string;
  readonly tagKey: Uint8Array;
  /** Equally likely base62 characters from a cryptographic source. */
  readonly randomBase62: (length: number) => string;
}

export function mintToken(options: MintOptions): MintedToken {
  const body = `cf_${options.keyId}_${options.randomBase62(randomLength)}`;
  const tagged = body + toBase62(tagOf(createMac(options.tagKey), body), tagLength);
  const token = tagged + toBase62(crc32(tagged), checksumLength);
  const sha256 = hash('sha256', token, 'hex');
  return { id: tokenIdOf(sha256), token: new Secret(token), sha256 };
}

/** The id of a token, from its hash: what a resource file that names the hash alone gives it, too. */
export function tokenIdOf(sha256: string): string {
  return `tok_${sha256.slice(0, 24)}`;
}

/** By form only. */
export function hasTokenShape(text: string): boolean {
  return text.length <= maxLength && wholeToken.test(text);
}

/** Whether the last six characters fit the rest: a typing error or a cut token does not. */
export function checksumHolds(token: string): boolean {
  const end = token.length - checksumLength;
  return readsAs(token, end, checksumLength, crc32(token.slice(0, end)));
}

/**
 * Tells tokens that were minted under one of the keys (by key id) from all others, in constant time. Under an `unchecked`
 * id only the checksum is looked at: its key is lost.
 */
export function createTagCheck(tagKeys: ReadonlyMap<string, Uint8Array | 'unchecked'>): (token: string) => boolean {
  const keys = new Map([...tagKeys].map(([id, key]) => [id, key === 'unchecked' ? key : createMac(key)]));
  return (token) => {
    const key = keys.get(wholeToken.exec(token)?.[1] ?? '');
    if (key === undefined || !checksumHolds(token)) return false;
    if (key === 'unchecked') return true;
    const bodyEnd = token.length - tailLength;
    return readsAs(token, bodyEnd, tagLength, tagOf(key, token.slice(0, bodyEnd)));
  };
}

function tagOf(mac: Mac, body: string): number {
  return Number.parseInt(mac(body).slice(0, tagHexDigits), 16);
}

/** `value` below 2^53, most significant character first. */
function toBase62(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 62)) text = (alphabet[rest % 62] ?? '') + text;
  return text;
}

/**
 * Whether `length` characters of `text` from `start` on are `value` in base62, in a time that does not depend on them. A
 * flood of forged tokens passes here: no text is made.
 */
function readsAs(text: string, start: number, length: number, value: number): boolean {
  let difference = 0;
  let rest = value;
  for (let at = start + length - 1; at >= start; at -= 1) {
    difference |= text.charCodeAt(at) ^ alphabet.charCodeAt(rest % 62);
    rest = Math.floor(rest / 62);
  }
  return difference === 0;
}
