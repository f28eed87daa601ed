import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Store } from '../../sidecar/core/ports.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { checkMasterKey } from '../../sidecar/keys/check-master-key.ts';
import { createKeyAdministration, type KeyAdministration } from '../../sidecar/keys/key-administration.ts';
import { createKeyring, type Keyring } from '../../sidecar/keys/keyring.ts';
import type { MasterKey } from '../../sidecar/keys/master-keys.ts';
import { sealWithPublicKey } from '../../sidecar/keys/sealing-key.ts';
import { randomBase62 } from '../../sidecar/keys/random-text.ts';
import { readTokenTags } from '../../sidecar/keys/token-tags.ts';
import { createTagCheck, mintToken } from '../../sidecar/token-validators/opaque-token.ts';
import { recordingLog } from '../support/recording-log.ts';
import { admin, openMemoryStore, opened, putSealed, ring, sealedCredential, secretOf } from './support.ts';

interface Scene {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly keys: KeyAdministration;
  /** What the key file would hold. */
  readonly kept: { ring: readonly MasterKey[]; left: readonly MasterKey[] };
}

const log = recordingLog();

async function scene(
  t: TestContext,
  options: { readonly shared?: boolean; readonly configured?: boolean; readonly ring?: Keyring; store?: Store } = {},
): Promise<Scene> {
  const store = options.store ?? (await openMemoryStore(t));
  const keyring = options.ring ?? ring('k1');
  const shared = options.shared === true;
  await checkMasterKey({ shared: false }, { store, keyring, log });
  const kept: Scene['kept'] = { ring: keyring.masterKeys(), left: [] };
  const keep =
    options.configured === true
      ? undefined
      : (inRing: readonly MasterKey[], left: readonly MasterKey[]) => {
          kept.ring = inRing;
          kept.left = left;
        };
  const keys = createKeyAdministration({ shared }, { store, keyring, keep, onChange: async () => undefined, log });
  return { store, keyring, keys, kept };
}

async function rewrapAll(keys: KeyAdministration, confirmed?: string) {
  const total = { rewrapped: 0, left: [] as unknown[], failed: [] as { id: string; problem: string }[], batches: 0 };
  let after: string | undefined;
  do {
    const step = await keys.rewrap(after, confirmed, admin);
    total.rewrapped += step.rewrapped;
    total.left.push(...step.left);
    total.failed.push(...step.failed);
    total.batches += 1;
    after = step.next;
  } while (after !== undefined);
  return total;
}

test('a rotation makes a new current key, keeps the old one, and seals everything anew, in batches', async (t) => {
  const { store, keyring, keys, kept } = await scene(t);
  const ids = Array.from({ length: 250 }, (_, index) => `c${String(index).padStart(3, '0')}`);
  await store.write(await Promise.all(ids.map((id) => sealedCredential(id, keyring))), admin);
  const published = await sealWithPublicKey(keyring.sealingKey(), new Secret(secretOf('public')), 'credential/public');
  await store.write([putSealed('public', published)], admin);

  assert.deepEqual(await keys.rotate(undefined, admin), { version: 'k2', made: true });
  assert.deepEqual([keyring.current, keyring.versions], ['k2', ['k2', 'k1']]);
  assert.deepEqual(
    kept.ring.map(({ version }) => version),
    ['k2', 'k1'],
  );
  const before = (await store.identity()).revision;
  const total = await rewrapAll(keys);
  assert.deepEqual([total.rewrapped, total.left, total.failed], [251, [], []]);
  assert.equal(total.batches, 3);
  assert.equal((await store.identity()).revision, before + 3, 'a batch is one write');
  const onlyNew = createKeyring(kept.ring.slice(0, 1));
  for (const id of [...ids.slice(0, 3), 'public']) assert.equal(await opened(store, id, onlyNew), secretOf(id));
  assert.deepEqual(
    (await keys.list()).versions.map(({ version, state, sealed }) => [version, state, sealed]),
    [
      ['k2', 'current', 251],
      ['k1', 'kept', 0],
    ],
  );
  const audit = await store.listAdminAudit(1_000);
  assert.equal(audit.filter(({ kind, id }) => kind === 'meta' && id === 'master_key.k2').length, 1);
  assert.equal((await rewrapAll(keys)).rewrapped, 0, 'a second run finds nothing');
});

test('a rotation that was cut off is finished by the next one, which makes no further key', async (t) => {
  const first = await scene(t);
  const { store } = first;
  const ids = Array.from({ length: 150 }, (_, index) => `c${String(index).padStart(3, '0')}`);
  await store.write(await Promise.all(ids.map((id) => sealedCredential(id, first.keyring))), admin);
  await first.keys.rotate(undefined, admin);
  await first.keys.rewrap(undefined, undefined, admin);
  // The process dies here and starts again with what its key file holds.
  const again = await scene(t, { store, ring: createKeyring(first.kept.ring) });
  assert.deepEqual(await again.keys.rotate(undefined, admin), { version: 'k2', made: false });
  assert.equal((await rewrapAll(again.keys)).rewrapped, 50);
  for (const id of ids) assert.equal(await opened(store, id, again.keyring), secretOf(id));
  assert.deepEqual(await again.keys.rotate(undefined, admin), { version: 'k3', made: true });
});

test('a rotation that was cut off before the key was written down starts anew', async (t) => {
  const { store, keyring } = await scene(t);
  const failing = createKeyAdministration(
    { shared: false },
    {
      store,
      keyring,
      keep: () => {
        throw new CredentialFlowError('storage_full');
      },
      onChange: async () => undefined,
      log,
    },
  );
  await assert.rejects(failing.rotate(undefined, admin), { code: 'storage_full' });
  assert.deepEqual(keyring.versions, ['k1'], 'nothing is sealed with a key that is nowhere');
  const { keys } = await scene(t, { store, ring: keyring });
  assert.deepEqual(await keys.rotate(undefined, admin), { version: 'k2', made: true });
});

test('leaves to files what files own, names what does not open, and goes on', async (t) => {
  const { store, keyring, keys } = await scene(t);
  await store.apply([[await sealedCredential('filed', keyring, 'file:f')]], {
    owner: 'file:f',
    actor: admin,
    prune: false,
    allowPrune: false,
    dryRun: false,
  });
  const elsewhere = await sealedCredential('elsewhere', keyring);
  await store.write([putSealed('moved', elsewhere.spec.secret.value), await sealedCredential('fine', keyring)], admin);
  await keys.rotate(undefined, admin);
  const { rewrapped, left, failed } = await rewrapAll(keys);
  assert.equal(rewrapped, 1);
  assert.deepEqual(left, [{ id: 'filed', owner: 'file:f', version: 'k1' }]);
  assert.deepEqual(
    failed.map(({ id }) => id),
    ['moved'],
  );
  assert.equal(await opened(store, 'filed', keyring), secretOf('filed'));
  await assert.rejects(keys.retire('k1', undefined, admin), (error) => {
    assert.ok(error instanceof CredentialFlowError);
    assert.equal(error.code, 'key_in_use');
    assert.deepEqual(
      error.problems.map(({ path }) => path),
      ['credential/filed'],
    );
    assert.match(String(error.problems[0]?.fix), /in its file/);
    return true;
  });
});

test('a change that comes between is not overwritten, and the next pass finds it', async (t) => {
  const { store, keyring, keys } = await scene(t);
  await store.write([await sealedCredential('a', keyring), await sealedCredential('b', keyring)], admin);
  await keys.rotate(undefined, admin);
  const meddling: Store = {
    ...store,
    async write(mutations, actor) {
      if (mutations.length === 2) {
        const value = await ring('k1').seal(new Secret('sk-new'), 'credential/a');
        await store.write([putSealed('a', value)], admin);
      }
      return store.write(mutations, actor);
    },
  };
  const racing = createKeyAdministration(
    { shared: false },
    { store: meddling, keyring, keep: () => undefined, onChange: async () => undefined, log },
  );
  assert.partialDeepStrictEqual(await racing.rewrap(undefined, undefined, admin), { rewrapped: 1, skipped: 1 });
  assert.equal((await rewrapAll(keys)).rewrapped, 1);
  assert.equal(await opened(store, 'a', keyring), 'sk-new');
});

test('a retired version opens nothing any more, but its tokens are still told from forged ones, also a rotation later', async (t) => {
  const { store, keyring, keys, kept } = await scene(t);
  const mint = () => mintToken({ keyId: keyring.current, tagKey: keyring.derive('token-tag'), randomBase62 }).token;
  const old = mint().reveal();
  const forged = mintToken({ keyId: 'k1', tagKey: new Uint8Array(32), randomBase62 }).token.reveal();
  await store.write([await sealedCredential('a', keyring)], admin);
  await assert.rejects(keys.retire('k1', undefined, admin), { code: 'key_in_use' });
  await keys.rotate(undefined, admin);
  await assert.rejects(keys.retire('k1', undefined, admin), { code: 'key_in_use' });
  await rewrapAll(keys);
  await assert.rejects(keys.retire('k9', undefined, admin), { code: 'not_found' });
  assert.deepEqual(await keys.retire('k1', undefined, admin), { version: 'k1', removed: true });
  assert.deepEqual([keyring.versions, kept.left.map(({ version }) => version)], [['k2'], ['k1']]);

  const isGenuine = async () => createTagCheck(await readTokenTags(keyring, { store, log }));
  const check = async () => {
    const genuine = await isGenuine();
    assert.deepEqual([genuine(old), genuine(forged), genuine(mint().reveal())], [true, false, true]);
  };
  await check();
  await keys.rotate(undefined, admin);
  await rewrapAll(keys);
  await keys.retire('k2', undefined, admin);
  assert.deepEqual(keyring.versions, ['k3']);
  await check();
  assert.deepEqual(
    (await keys.list()).versions.map(({ version, state }) => [version, state]),
    [
      ['k3', 'current'],
      ['k1', 'retired'],
      ['k2', 'retired'],
    ],
  );
  // What is kept of the retired keys is sealed.
  const meta = JSON.stringify([...(await store.listMeta(''))]);
  assert.ok(!meta.includes(Buffer.from(ring('k1').derive('token-tag')).toString('base64')));
});

test('tokens of a lost version are left to the store', async (t) => {
  const { store, keyring } = await scene(t);
  await store.setMeta('master_key_gone.k7', 'lost');
  await store.setMeta('master_key.k7', 'fingerprint');
  const genuine = createTagCheck(await readTokenTags(keyring, { store, log }));
  const token = mintToken({ keyId: 'k7', tagKey: new Uint8Array(32), randomBase62 }).token.reveal();
  assert.ok(genuine(token));
  assert.ok(!genuine(`${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`), 'but the checksum must hold');
});

test('takes a key that is supplied, and only a good and new one', async (t) => {
  const { keyring, keys } = await scene(t);
  const base64 = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
  for (const bad of ['short', base64(1), `k9:${base64(7)}`, `${base64(7)},${base64(8)}`]) {
    await assert.rejects(keys.rotate(new Secret(bad), admin), (error: Error & { code?: string }) => {
      assert.ok(['secret_invalid', 'config_invalid'].includes(error.code ?? ''), error.code);
      return !error.message.includes(bad);
    });
  }
  assert.deepEqual(await keys.rotate(new Secret(base64(7)), admin), { version: 'k2', made: true });
  assert.deepEqual(keyring.masterKeys()[0]?.key.reveal(), new Uint8Array(32).fill(7));
});

test('refuses to do alone what concerns other sidecars, until somebody says that they have the key', async (t) => {
  const { keys } = await scene(t, { shared: true, ring: ring('k2', 'k1') });
  await assert.rejects(keys.rotate(undefined, admin), { code: 'keys_shared' });
  await assert.rejects(keys.rewrap(undefined, undefined, admin), /--every-sidecar-has k2/);
  await assert.rejects(keys.rewrap(undefined, 'k1', admin), { code: 'keys_shared' });
  await assert.rejects(keys.retire('k1', undefined, admin), { code: 'keys_shared' });
  assert.equal((await rewrapAll(keys, 'k2')).rewrapped, 0);
  assert.deepEqual(await keys.retire('k1', 'k2', admin), { version: 'k1', removed: false });

  const configured = await scene(t, { configured: true });
  await assert.rejects(configured.keys.rotate(undefined, admin), { code: 'keys_shared' });
  await rewrapAll(configured.keys);
});
