import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Store, StoreCopy } from '../../sidecar/core/ports.ts';
import { checkBackupBytes, openBackup, sealBackup } from '../../sidecar/stores/backup-file.ts';
import { checkCopy } from '../../sidecar/stores/restore.ts';
import { digestCopy } from '../../sidecar/stores/transfer.ts';
import { admin, applyOptions, many, put, putToken } from '../contract/store/samples.ts';
import { createOpening } from './open-sqlite.ts';

const key = new Uint8Array(32).fill(1);
const createdAt = '2027-01-01T00:00:00.000Z';

async function filled(t: TestContext, rows: number): Promise<Store> {
  const store = await createOpening(t).open(':memory:');
  if (rows > 0) await store.apply([many(rows)], applyOptions());
  await store.write([put('team'), putToken('t')], admin);
  return store;
}

async function seal(store: Store): Promise<Buffer> {
  const frames: Buffer[] = [];
  const sealed = sealBackup(await store.dump(), { keyVersion: 'k1', key, createdAt });
  for await (const bytes of sealed) frames.push(bytes);
  return Buffer.concat(frames);
}

async function* inChunks(bytes: Buffer, size = 1_000): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield Promise.resolve(bytes.subarray(at, at + size));
}

const open = (bytes: Buffer, size?: number) =>
  openBackup(inChunks(bytes, size), (version) => (version === 'k1' ? key : undefined));

async function readWhole(bytes: Buffer): Promise<void> {
  await checkCopy(await open(bytes));
}

test('a backup holds everything, whatever the pieces it comes in', async (t) => {
  const store = await filled(t, 1_200);
  const bytes = await seal(store);
  const expected = await digestCopy(await store.dump());
  for (const size of [7, 1_000, 10_000_000]) {
    const copy: StoreCopy & { readonly createdAt: string } = await open(bytes, size);
    assert.partialDeepStrictEqual(copy, { ...(await store.identity()), createdAt, keyVersion: 'k1' });
    assert.deepEqual(await digestCopy(copy), expected);
  }
  assert.deepEqual(await checkBackupBytes(inChunks(bytes)), { keyVersion: 'k1' });
});

test('shows nothing of its content, and no two backups are alike', async (t) => {
  const store = await filled(t, 0);
  const [a, b] = [await seal(store), await seal(store)];
  for (const word of ['team', 'search', 'tok_t', (await store.identity()).storeId]) {
    assert.ok(!a.includes(word), word);
  }
  assert.notDeepEqual(a.subarray(100), b.subarray(100));
});

test('one byte changed anywhere, or cut off anywhere, is refused, with the key and without it', async (t) => {
  const bytes = await seal(await filled(t, 0));
  const refusals = new Set<string>();
  const isRefused = async (bad: Buffer, what: string) => {
    for (const read of [() => readWhole(bad), () => checkBackupBytes(inChunks(bad))]) {
      await assert.rejects(
        read,
        (error) => {
          assert.ok(error instanceof CredentialFlowError, String(error));
          refusals.add(error.code);
          return true;
        },
        what,
      );
    }
  };
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    await isRefused(altered, `byte ${at}`);
    await isRefused(bytes.subarray(0, at), `cut at ${at}`);
  }
  await isRefused(Buffer.concat([bytes, Buffer.of(0)]), 'with a byte more');
  // The line in clear may be made to name another key or format; everything else is damage.
  assert.deepEqual(
    [...refusals].filter((code) => !['copy_invalid', 'keys_missing', 'copy_newer'].includes(code)),
    [],
  );
});

test('frames that are left out, swapped or of another backup do not open', async (t) => {
  const store = await filled(t, 1_200);
  const bytes = await seal(store);
  const { line, frames, tail } = split(bytes);
  assert.ok(frames.length > 5);
  const other = split(await seal(store));
  const [first, second, third] = frames as [Buffer, Buffer, Buffer];
  const variants: Readonly<Record<string, readonly Buffer[]>> = {
    'one left out': [first, ...frames.slice(2)],
    'the last left out': frames.slice(0, -1),
    swapped: [first, third, second, ...frames.slice(3)],
    twice: [first, second, second, ...frames.slice(2)],
    "another's": [first, ...other.frames.slice(1, 2), ...frames.slice(2)],
  };
  for (const [name, parts] of Object.entries(variants)) {
    // With a checksum that holds: the encryption alone must tell.
    const body = Buffer.concat([line, ...parts, tail.subarray(0, 4)]);
    const { createHash } = await import('node:crypto');
    const forged = Buffer.concat([body, createHash('sha256').update(body).digest()]);
    await checkBackupBytes(inChunks(forged));
    await assert.rejects(readWhole(forged), { code: 'copy_invalid' }, name);
  }
});

test('says what is the matter with a missing key, a wrong key, a newer format and another file', async (t) => {
  const bytes = await seal(await filled(t, 0));
  await assert.rejects(
    openBackup(inChunks(bytes), () => undefined),
    /needs the master key "k1"/,
  );
  const wrong = new Uint8Array(32).fill(2);
  await assert.rejects(
    openBackup(inChunks(bytes), () => wrong),
    { code: 'copy_invalid', message: /its key is another one/ },
  );
  const newer = Buffer.from(
    bytes.toString('latin1').replace('"credentialflow_backup":1', '"credentialflow_backup":2'),
    'latin1',
  );
  await assert.rejects(readWhole(newer), { code: 'copy_newer' });
  for (const text of ['', '{', '[]', 'SQLite format 3\0', '\n'.repeat(5_000)]) {
    await assert.rejects(readWhole(Buffer.from(text)), /not a backup of CredentialFlow/);
  }
});

test('cuts what is large into frames of bounded size', async (t) => {
  const store = await createOpening(t).open(':memory:');
  const large = Array.from({ length: 40 }, (_, index) => {
    const { spec, ...rest } = put(`large${String(index).padStart(2, '0')}`);
    return { ...rest, spec: { ...spec, labels: { text: String(index).repeat(300_000) } } };
  });
  await store.write(large, admin);
  const bytes = await seal(store);
  assert.ok(split(bytes).frames.length > 5);
  assert.deepEqual(await digestCopy(await open(bytes)), await digestCopy(await store.dump()));
});

function split(bytes: Buffer) {
  const lineEnd = bytes.indexOf(0x0a) + 1;
  const frames: Buffer[] = [];
  let at = lineEnd;
  while (bytes.readUInt32BE(at) > 0) {
    const end = at + 4 + bytes.readUInt32BE(at);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return { line: bytes.subarray(0, lineEnd), frames, tail: bytes.subarray(at) };
}
