import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { checkSealingKey, sealWithPublicKey } from '../../sidecar/keys/sealing-key.ts';

const key = (byte: number): Secret<Uint8Array> => new Secret(new Uint8Array(32).fill(byte));
const ring = createKeyring([{ version: 'k1', key: key(1) }]);
const plain = new Secret('sk-very-secret');
const binding = 'credential/openai-main';

describe('the keyring', () => {
  it('opens what it sealed, for the same binding', async () => {
    const sealed = await ring.seal(plain, binding);
    assert.equal((await ring.open(sealed, binding)).reveal(), 'sk-very-secret');
    assert.ok(!sealed.includes('secret'));
    assert.notEqual(await ring.seal(plain, binding), sealed, 'never the same twice');
  });

  it('opens what others sealed with the public key, and the public key opens nothing', async () => {
    const publicKey = ring.sealingKey();
    assert.deepEqual(Object.keys(publicKey).sort(), ['crv', 'kid', 'kty', 'x']);
    const sealed = await sealWithPublicKey(publicKey, plain, binding);
    assert.equal((await ring.open(sealed, binding)).reveal(), 'sk-very-secret');
    assert.throws(() => checkSealingKey({ ...publicKey, d: 'private' }), /private key/);
    assert.throws(() => checkSealingKey({ kty: 'EC' }), { code: 'bad_request' });
  });

  it('refuses a value for another resource, from another key, and one that was changed', async () => {
    for (const sealed of [
      await ring.seal(plain, binding),
      await sealWithPublicKey(ring.sealingKey(), plain, binding),
    ]) {
      await assert.rejects(ring.open(sealed, 'credential/other'), /another resource/);
      const other = createKeyring([{ version: 'k1', key: key(2) }]);
      await assert.rejects(other.open(sealed, binding), { code: 'secret_invalid' });
      const newer = createKeyring([{ version: 'k2', key: key(2) }]);
      await assert.rejects(newer.open(sealed, binding), /"k1", which this keyring lacks/);
      const parts = sealed.split('.');
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i] ?? '';
        if (part === '') continue;
        const flipped = (part.startsWith('A') ? 'B' : 'A') + part.slice(1);
        await assert.rejects(ring.open(parts.with(i, flipped).join('.'), binding), { code: 'secret_invalid' });
      }
    }
  });

  it('opens what was sealed for a store in that store only', async () => {
    for (const sealed of [
      await ring.seal(plain, binding, 'store-a'),
      await sealWithPublicKey(ring.sealingKey(), plain, binding, 'store-a'),
    ]) {
      assert.equal((await ring.open(sealed, binding, 'store-a')).reveal(), 'sk-very-secret');
      await assert.rejects(ring.open(sealed, binding, 'store-b'), /another store/);
      await assert.rejects(ring.open(sealed, binding), /another store/);
    }
    const anywhere = await ring.seal(plain, binding);
    assert.equal((await ring.open(anywhere, binding, 'store-b')).reveal(), 'sk-very-secret');
  });

  it('does not open a value whose header was rewritten to fit', async () => {
    const sealed = await ring.seal(plain, 'credential/other', 'store-a');
    const [, ...rest] = sealed.split('.');
    const header = JSON.parse(Buffer.from(sealed.split('.')[0] ?? '', 'base64url').toString()) as object;
    const { cfs, ...forged } = { cfs: undefined, ...header, cfb: binding };
    assert.equal(cfs, 'store-a');
    const rewritten = [Buffer.from(JSON.stringify(forged)).toString('base64url'), ...rest].join('.');
    await assert.rejects(ring.open(rewritten, binding), (error: Error) => {
      assert.equal(error.message, `the sealed value for ${binding} does not open with key "k1"`);
      return !inspect(error).includes('sk-very-secret');
    });
  });

  it('has the same public key after a restart, and another one for another master key', () => {
    const again = createKeyring([{ version: 'k1', key: key(1) }]);
    assert.deepEqual(again.sealingKey(), ring.sealingKey());
    assert.equal(again.fingerprint(), ring.fingerprint());
    const other = createKeyring([{ version: 'k1', key: key(2) }]);
    assert.notEqual(other.sealingKey().x, ring.sealingKey().x);
    assert.notEqual(other.fingerprint(), ring.fingerprint());
  });

  it('refuses algorithms that are not its own', async () => {
    const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'k1', cfb: binding })).toString(
      'base64url',
    );
    await assert.rejects(ring.open(`${header}..AAAA.AAAA.AAAA`, binding), /not a sealed value of ours/);
    await assert.rejects(ring.open('not a jwe', binding), { code: 'secret_invalid' });
  });

  it('still opens what an older master key sealed', async () => {
    const sealed = await ring.seal(plain, binding);
    const rotated = createKeyring([
      { version: 'k2', key: key(2) },
      { version: 'k1', key: key(1) },
    ]);
    assert.equal((await rotated.open(sealed, binding)).reveal(), 'sk-very-secret');
    assert.equal(rotated.current, 'k2');
  });

  it('derives another key for every purpose and version', () => {
    const two = createKeyring([
      { version: 'k2', key: key(2) },
      { version: 'k1', key: key(1) },
    ]);
    const all = [two.derive('a'), two.derive('b'), two.derive('a', 'k1'), key(2).reveal()];
    assert.equal(new Set(all.map((bytes) => Buffer.from(bytes).toString('hex'))).size, 4);
    assert.throws(() => two.derive('a', 'k9'), RangeError);
  });

  it('refuses keys that could not work', () => {
    assert.throws(() => createKeyring([]), RangeError);
    assert.throws(() => createKeyring([{ version: 'K 1', key: key(1) }]), RangeError);
    assert.throws(() => createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(16)) }]), RangeError);
    assert.throws(() => createKeyring([{ version: 'k1', key: key(1) }, { version: 'k1', key: key(2) }]), RangeError); // prettier-ignore
  });

  it('shows no key when it is printed', () => {
    assert.ok(!/1, *1, *1|AQEBAQEB|0101/.test(inspect(ring, { depth: 10, showHidden: true })));
  });
});
