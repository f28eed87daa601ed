import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { CredentialFlowError } from '../core/error.ts';
import type { StoreCopy } from '../core/ports.ts';
import type { CopyPart } from '../core/store-copy.ts';
import { createByteReader, type ByteReader } from './byte-reader.ts';

/**
 * A backup is a line of JSON (format, key version, salt), then frames, then a checksum:
 *
 *     {"credentialflow_backup":1,"key":"k1","salt":"…"}\n  (<length> <sealed>)…  <0>  <SHA-256 of all before it>
 *
 * A frame is gzip'd JSON under AES-256-GCM: the first is the head of the copy, each further one a part. The key is made
 * for this file alone (HKDF of the master key's and the salt). The nonce counts the frames and marks the last one, and
 * the line is additional data: frames that are missing, swapped or of another file do not open. The checksum tells
 * damage to who has no key.
 */
const formatVersion = 1;
const saltBytes = 16;
const tagBytes = 16;
/** A part is cut until its JSON is shorter, or has one row. */
const wantedFrameChars = 4 * 1_024 * 1_024;
const maxFrameBytes = 128 * 1_024 * 1_024;
const maxLineBytes = 1_024;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** The key for backups of a master key version: 32 bytes, used for nothing else; undefined: there is no such version. */
export type BackupKey = (version: string) => Uint8Array | undefined;

export interface BackupHead extends Omit<StoreCopy, 'parts'> {
  /** RFC 3339. */
  readonly created_at: string;
}

/** The bytes of a backup. */
export async function* sealBackup(
  copy: StoreCopy,
  options: { readonly keyVersion: string; readonly key: Uint8Array; readonly createdAt: string },
): AsyncGenerator<Buffer, void> {
  const salt = randomBytes(saltBytes);
  const line = Buffer.from(
    `${JSON.stringify({ credentialflow_backup: formatVersion, key: options.keyVersion, salt: salt.toString('base64') })}\n`,
  );
  const fileKey = deriveFileKey(options.key, salt);
  const checksum = createHash('sha256');
  let frames = 0;
  const counted = (bytes: Buffer): Buffer => {
    checksum.update(bytes);
    return bytes;
  };
  const frame = async (text: string, last: boolean): Promise<Buffer> => {
    const cipher = createCipheriv('aes-256-gcm', fileKey, nonceOf(frames, last), { authTagLength: tagBytes });
    frames += 1;
    cipher.setAAD(line);
    const sealed = Buffer.concat([cipher.update(await compress(text)), cipher.final(), cipher.getAuthTag()]);
    return counted(Buffer.concat([lengthOf(sealed.length), sealed]));
  };

  yield counted(line);
  const { parts, ...head } = copy;
  yield frame(JSON.stringify({ ...head, created_at: options.createdAt } satisfies BackupHead), false);
  for await (const part of parts) {
    for (const text of cut(part)) yield frame(text, 'end' in part);
  }
  yield counted(lengthOf(0));
  yield checksum.digest();
}

/**
 * Opens a backup. Rejects with `copy_newer`, `keys_missing` (the version is named), or `copy_invalid`; so does the
 * reading of the parts. What was read before a rejection was genuine, but is not the whole.
 */
export async function openBackup(
  bytes: AsyncIterable<Uint8Array>,
  keyOf: BackupKey,
): Promise<StoreCopy & { readonly createdAt: string; readonly keyVersion: string }> {
  const reader = createByteReader(bytes);
  const { line, keyVersion, salt } = await readLine(reader);
  const key = keyOf(keyVersion);
  if (key === undefined) {
    await reader.close();
    throw new CredentialFlowError(
      'keys_missing',
      `the backup needs the master key "${keyVersion}", which neither the ring nor keys/retired.key has`,
    );
  }
  const texts = openFrames(reader, line, deriveFileKey(key, salt));
  const first = await texts.next();
  if (first.done === true) throw damaged();
  const { created_at: createdAt, ...head } = JSON.parse(first.value) as BackupHead;
  return { ...head, createdAt, keyVersion, parts: parse(texts) };
}

/** For who has no key: whether the file is whole and as it was written. Rejects with `copy_newer` or `copy_invalid`. */
export async function checkBackupBytes(bytes: AsyncIterable<Uint8Array>): Promise<{ readonly keyVersion: string }> {
  const reader = createByteReader(bytes);
  const { keyVersion } = await readLine(reader);
  while ((await readFrame(reader)) !== undefined);
  return { keyVersion };
}

async function* parse(texts: AsyncGenerator<string, void>): AsyncGenerator<CopyPart, void> {
  for await (const text of texts) yield JSON.parse(text) as CopyPart;
}

async function* openFrames(reader: ByteReader, line: Buffer, fileKey: Uint8Array): AsyncGenerator<string, void> {
  try {
    let sealed = await readFrame(reader);
    for (let index = 0; sealed !== undefined; index++) {
      const next = await readFrame(reader);
      yield await openFrame(sealed, line, fileKey, nonceOf(index, next === undefined));
      sealed = next;
    }
  } finally {
    await reader.close();
  }
}

async function openFrame(sealed: Buffer, line: Buffer, fileKey: Uint8Array, nonce: Buffer): Promise<string> {
  try {
    const decipher = createDecipheriv('aes-256-gcm', fileKey, nonce, { authTagLength: tagBytes });
    decipher.setAAD(line);
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    const packed = Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()]);
    return (await decompress(packed, { maxOutputLength: maxFrameBytes })).toString('utf8');
  } catch {
    throw damaged();
  }
}

/** Undefined after the last one, when the checksum holds and nothing follows. */
async function readFrame(reader: ByteReader): Promise<Buffer | undefined> {
  const length = (await exactly(reader, 4)).readUInt32BE();
  if (length > 0) {
    if (length < tagBytes || length > maxFrameBytes) throw damaged();
    return exactly(reader, length);
  }
  const expected = reader.checksum();
  const checksum = await exactly(reader, expected.length);
  if (!checksum.equals(expected) || (await reader.take(1)).length > 0) throw damaged();
  return undefined;
}

async function exactly(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.take(length);
  if (bytes.length < length) throw new CredentialFlowError('copy_invalid', 'the backup breaks off before its end');
  return bytes;
}

async function readLine(reader: ByteReader) {
  const line = await reader.takeLine(maxLineBytes);
  const head = parseLine(line.toString('utf8'));
  const format = head['credentialflow_backup'];
  if (typeof format === 'number' && format > formatVersion) {
    throw new CredentialFlowError('copy_newer', `the backup has format ${format}, this version knows ${formatVersion}`);
  }
  const { key, salt } = head;
  const isOurs = format === formatVersion && typeof key === 'string' && /^[a-z0-9]{1,8}$/.test(key);
  if (!isOurs || typeof salt !== 'string') {
    throw new CredentialFlowError('copy_invalid', 'the file is not a backup of CredentialFlow');
  }
  return { line, keyVersion: key, salt: Buffer.from(salt, 'base64') };
}

function parseLine(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** The same rows in texts of bounded length. */
function* cut(part: CopyPart): Generator<string, void> {
  const text = JSON.stringify(part);
  if ('end' in part || part.rows.length < 2 || text.length <= wantedFrameChars) {
    yield text;
    return;
  }
  const half = Math.ceil(part.rows.length / 2);
  yield* cut({ table: part.table, rows: part.rows.slice(0, half) });
  yield* cut({ table: part.table, rows: part.rows.slice(half) });
}

function nonceOf(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt8(last ? 1 : 0, 3);
  nonce.writeBigUInt64BE(BigInt(index), 4);
  return nonce;
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

function deriveFileKey(key: Uint8Array, salt: Buffer): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, 'credentialflow backup v1', 32));
}

function damaged(): CredentialFlowError {
  return new CredentialFlowError('copy_invalid', 'the backup was altered or damaged, or its key is another one');
}
