import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import { decodeMasterKeys, encodeMasterKeys, nextVersion } from '../../sidecar/keys/master-keys.ts';

const base64 = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const read = (text: string) =>
  decodeMasterKeys(new Secret(text)).map(({ version, key }) => [version, Buffer.from(key.reveal()).toString('base64')]);

describe('master keys as text', () => {
  it('are one key, or several with their versions, the current one first', () => {
    assert.deepEqual(read(base64(1)), [['k1', base64(1)]]);
    const both = [
      ['k2', base64(2)],
      ['k1', base64(1)],
    ];
    assert.deepEqual(read(`k2:${base64(2)}\nk1:${base64(1)}\n`), both);
    assert.deepEqual(read(` k2:${base64(2)}, k1:${base64(1)}`), both);
  });

  it('come back as they were written', () => {
    for (const text of [`k1:${base64(1)}`, `k2:${base64(2)}`, `k2:${base64(2)}\nk1:${base64(1)}`]) {
      assert.equal(encodeMasterKeys(decodeMasterKeys(new Secret(text))).reveal(), text);
    }
  });

  it('are refused without being repeated when a version is missing, doubled or wrong, or a key comes twice', () => {
    const bad = [
      '',
      'k1:',
      base64(1).slice(1),
      `${base64(2)} ${base64(1)}`,
      `k1:${base64(2)} k1:${base64(1)}`,
      `k1:${base64(2)} k2:${base64(2)}`,
      `K1:${base64(2)}`,
      `k1=${base64(2)}`,
    ];
    for (const text of bad) {
      assert.throws(
        () => decodeMasterKeys(new Secret(text)),
        (error: Error & { code?: string }) =>
          error.code === 'config_invalid' && !error.message.includes(base64(2).slice(0, 8)),
        text,
      );
    }
  });

  it('get versions that were never used', () => {
    assert.equal(nextVersion([]), 'k1');
    assert.equal(nextVersion(['k1', 'k10', 'k9', 'spare']), 'k11');
  });
});
