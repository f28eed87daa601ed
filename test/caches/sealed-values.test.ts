import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { createValueSealer, type ValueSealer } from '../../sidecar/caches/sealed-values.ts';

const masterKey = new Uint8Array(32).fill(7);
const sealer = (keyVersion = 'v1', key = masterKey): ValueSealer => createValueSealer({ masterKey: key, keyVersion });
const context = { storeId: 'store', epoch: 3, asOf: 42 } as const;
const refused = (reason: string): { ok: false; reason: string } => ({ ok: false, reason });

it('opens in another process with the same key, and tells when it was read', () => {
  const sealed = sealer().seal('token', 'key', context, 'content ☃');
  assert.deepEqual(sealer().open('token', 'key', { storeId: 'store', epoch: 3 }, sealed), {
    ok: true,
    asOf: 42,
    plaintext: 'content ☃',
  });
  assert.doesNotMatch(sealed, /content/);
});

it('never seals the same twice', () => {
  const one = sealer();
  const sealed = new Set(Array.from({ length: 100 }, () => one.seal('token', 'key', context, 'content')));
  assert.equal(sealed.size, 100);
});

it('opens only as the kind and under the key, store, epoch and key version it was sealed for', () => {
  const sealed = sealer().seal('token', 'key', context, 'content');
  const at = { storeId: 'store', epoch: 3 };
  assert.deepEqual(sealer().open('secret', 'key', at, sealed), refused('not_authentic'));
  assert.deepEqual(sealer().open('token', 'other', at, sealed), refused('not_authentic'));
  assert.deepEqual(sealer().open('token', 'key', { ...at, storeId: 'other' }, sealed), refused('not_authentic'));
  assert.deepEqual(sealer().open('token', 'key', { ...at, epoch: 4 }, sealed), refused('not_authentic'));
  assert.deepEqual(sealer('v2').open('token', 'key', at, sealed), refused('not_authentic'));
  assert.deepEqual(sealer('v1', new Uint8Array(32)).open('token', 'key', at, sealed), refused('not_authentic'));
});

it('does not confuse a binding with one that reads the same when joined', () => {
  const sealed = sealer().seal('a', 'b', { storeId: 'c', epoch: 1, asOf: 1 }, 'content');
  assert.equal(sealer().open('a","b', 'c', { storeId: '', epoch: 1 }, sealed).ok, false);
  assert.equal(sealer().open('ab', '', { storeId: 'c', epoch: 1 }, sealed).ok, false);
});

it('notices every changed bit, the revision included', () => {
  const one = sealer();
  const bytes = Buffer.from(one.seal('token', 'key', context, '{"content":1}'), 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(one.open('token', 'key', context, changed.toString('base64url')).ok, false, `bit ${bit}`);
  }
});

it('notices every truncation and every other spelling of the same bytes', () => {
  const one = sealer();
  const sealed = one.seal('token', 'key', context, 'content');
  for (let length = 0; length < sealed.length; length += 1) {
    assert.equal(one.open('token', 'key', context, sealed.slice(0, length)).ok, false, String(length));
  }
  assert.deepEqual(one.open('token', 'key', context, `${sealed}=`), refused('malformed'));
  assert.deepEqual(one.open('token', 'key', context, ` ${sealed}`), refused('malformed'));
  assert.deepEqual(one.open('token', 'key', context, `${sealed.slice(0, 9)}!${sealed.slice(9)}`), refused('malformed'));
});

it('never throws, whatever it is given', () => {
  const one = sealer();
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' })), (text) => {
      assert.equal(one.open('token', 'key', context, text).ok, false);
    }),
  );
});

it('still opens the values of real processes after a flood of made-up salts', () => {
  const here = createValueSealer({ masterKey, keyVersion: 'v1', maxForeignKeys: 2 });
  const sealed = sealer().seal('token', 'key', context, 'content');
  assert.equal(here.open('token', 'key', context, sealed).ok, true);
  for (let i = 0; i < 200; i += 1) {
    const forged = Buffer.from(sealed, 'base64url');
    forged.writeUInt32BE(i, 1);
    assert.deepEqual(here.open('token', 'key', context, forged.toString('base64url')), refused('not_authentic'));
  }
  assert.equal(here.open('token', 'key', context, sealed).ok, true);
});

it('shows no key when it is printed', () => {
  assert.doesNotMatch(inspect(sealer(), { depth: 10, showHidden: true }), /07 07|7, 7/);
});

it('binds to one and the same text, whether it has to be escaped or not', () => {
  const [one, other] = [sealer(), sealer()];
  for (const key of ['token:a-b.c/d_1', 'a"b', 'a\\b', 'ä', '']) {
    assert.equal(other.open('token', key, context, one.seal('token', key, context, 'content')).ok, true, key);
    assert.equal(other.open('token', `${key}x`, context, one.seal('token', key, context, 'content')).ok, false, key);
  }
});
