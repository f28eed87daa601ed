import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Store } from '../../sidecar/core/ports.ts';
import { createLateStore } from '../../sidecar/stores/late-store.ts';
import { storeContract } from '../contract/store-contract.ts';
import { admin, put } from '../contract/store/samples.ts';
import { createOpening } from './open-sqlite.ts';

const options = { kind: 'sqlite', durable: true };

storeContract('opened late', async (t, tuning) => {
  const { open } = createOpening(t);
  const late = createLateStore(options, () => open(':memory:', tuning));
  await late.open();
  return { store: late.store };
});

test('refuses everything until it is open, then tells of commits to who asked before', async (t) => {
  const { open } = createOpening(t);
  let away = true;
  const late = createLateStore(options, () =>
    away ? Promise.reject(new CredentialFlowError('store_failed', 'away')) : open(':memory:'),
  );
  const { store } = late;
  const seen: number[] = [];
  const kept = store.onCommit((revision) => seen.push(revision));
  const cancelled = store.onCommit(() => assert.fail('it was cancelled'));
  await assert.rejects(late.open(), { code: 'store_failed', message: 'away' });
  await assert.rejects(store.identity(), { code: 'store_failed' });
  await assert.rejects(store.write([put('a')], admin), { code: 'store_failed' });
  await assert.rejects(async () => store.findToken('x'), { code: 'store_failed' });
  cancelled();
  away = false;
  await Promise.all([late.open(), late.open()]);
  await store.write([put('a')], admin);
  kept();
  await store.write([put('b')], admin);
  assert.deepEqual(seen, [1]);
});

test('closes a store that opens after it was closed', async () => {
  const opening = Promise.withResolvers<Store>();
  let closed = false;
  const late = createLateStore(options, () => opening.promise);
  const asked = late.open();
  await late.store.close();
  opening.resolve({ close: async () => void (closed = true) } as unknown as Store);
  await assert.rejects(asked, { code: 'store_failed' });
  assert.ok(closed);
});

test('remembers a full disk until something was written again', async (t) => {
  const { open } = createOpening(t);
  let full = false;
  const late = createLateStore(options, async () => {
    const there = await open(':memory:');
    return {
      ...there,
      write: async (mutations, actor) => {
        if (full) throw new CredentialFlowError('storage_full');
        return there.write(mutations, actor);
      },
    } satisfies Store;
  });
  await late.open();
  full = true;
  await assert.rejects(late.store.write([put('a')], admin), { code: 'storage_full' });
  assert.equal(late.isFull(), true);
  full = false;
  await late.store.write([put('a')], admin);
  assert.equal(late.isFull(), false);
});
