import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { checkMasterKey } from '../../sidecar/keys/check-master-key.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { markRetired } from '../../sidecar/keys/known-versions.ts';
import { findLosses, giveUp } from '../../sidecar/keys/recover.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { recordingLog } from '../support/recording-log.ts';
import { admin, openMemoryStore, putSealed, ring, sealedCredential, secretOf } from './support.ts';

const alone = { shared: false };
const fleet = { shared: true };
const log = recordingLog();

test('remembers a key, and refuses another one of the same name', async (t) => {
  const store = await openMemoryStore(t);
  await checkMasterKey(alone, { store, keyring: ring('k1'), log });
  await checkMasterKey(alone, { store, keyring: ring('k1'), log });
  const other = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(32).fill(9)) }]);
  await assert.rejects(checkMasterKey(alone, { store, keyring: other, log }), { code: 'key_mismatch' });
  await checkMasterKey(alone, { store, keyring: ring('k2', 'k1'), log });
});

test('names the version that a ring lacks, and the rows that need it, in bounds', async (t) => {
  const store = await openMemoryStore(t);
  const both = ring('k2', 'k1');
  await checkMasterKey(alone, { store, keyring: both, log });
  await store.write([await sealedCredential('new', both)], admin);
  for (let index = 0; index < 30; index++)
    await store.write([await sealedCredential(`old-${index}`, ring('k1'))], admin);
  await assert.rejects(checkMasterKey(alone, { store, keyring: ring('k2'), log }), (error) => {
    assert.ok(error instanceof CredentialFlowError);
    assert.equal(error.code, 'keys_missing');
    assert.match(error.message, /lacks the master key "k1": 30 sealed secrets need it, of which 20 are named/);
    assert.match(error.message, /keys recover/);
    assert.equal(error.problems.length, 20);
    assert.equal(error.problems[0]?.path, 'credential/old-0');
    assert.ok(!JSON.stringify(error.problems).includes('credential/new'));
    return true;
  });
  await markRetired(store, 'k1', 'sealed-tag-key', admin);
  await checkMasterKey(alone, { store, keyring: ring('k2'), log });
});

test('lets a shared store see a key before it is the current one', async (t) => {
  const store = await openMemoryStore(t);
  await checkMasterKey(fleet, { store, keyring: ring('k1'), log });
  await assert.rejects(
    checkMasterKey(fleet, { store, keyring: ring('k2', 'k1'), log }),
    /put it behind the present one/,
  );
  await checkMasterKey(fleet, { store, keyring: ring('k1', 'k2'), log });
  await checkMasterKey(fleet, { store, keyring: ring('k2', 'k1'), log });
});

test('gives up what a lost key sealed, and nothing else', async (t) => {
  const store = await openMemoryStore(t);
  const both = ring('k2', 'k1');
  await checkMasterKey(alone, { store, keyring: both, log });
  const lost = ring('k1');
  await store.write([await sealedCredential('kept', both), await sealedCredential('lost', lost)], admin);
  await store.write([putSealed('broken', 'a.b.c.d.e')], admin);
  await store.apply([[await sealedCredential('filed', lost, 'file:f')]], {
    owner: 'file:f',
    actor: admin,
    prune: false,
    allowPrune: false,
    dryRun: false,
  });
  const left = ring('k2');
  const losses = await findLosses(store, left);
  assert.deepEqual(losses, {
    versions: ['k1'],
    secrets: [
      { id: 'broken', owner: 'api', version: 'unknown' },
      { id: 'filed', owner: 'file:f', version: 'k1' },
      { id: 'lost', owner: 'api', version: 'k1' },
    ],
  });
  assert.equal(await giveUp(losses, store), 2);
  const spec = async (id: string) => {
    const record = await store.getResource('credential', id);
    return record?.kind === 'credential' ? record.spec : undefined;
  };
  assert.deepEqual(await spec('lost'), { upstream: 'openai', headers: {} });
  assert.equal((await spec('filed'))?.secret?.from, 'sealed');
  assert.equal(
    (await left.open(String((await spec('kept'))?.secret?.['value']), 'credential/kept')).reveal(),
    secretOf('kept'),
  );
  assert.ok((await store.listAdminAudit(100)).some(({ action, id }) => action === 'keys.recover' && id === 'lost'));
  // And the sidecar starts.
  await checkMasterKey(alone, { store, keyring: left, log });
  assert.deepEqual((await findLosses(store, left)).versions, []);
});
