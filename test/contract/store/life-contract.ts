import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, file, hashOf, put, putToken, revisionOf } from './samples.ts';

export function lifeContract(open: OpenForTest): void {
  test('tells of a commit once it can be read, and only of commits', async (t) => {
    const { store } = await open(t);
    const seen: (readonly [number, boolean])[] = [];
    const reads: unknown[] = [];
    const cancel = store.onCommit((revision) => {
      const found = store.findToken(hashOf('t'));
      reads.push(found);
      seen.push([revision, !(found instanceof Promise) && found.token !== undefined]);
    });
    store.onCommit(() => {
      throw new Error('a listener of poor manners');
    });
    await store.write([putToken('t')], admin);
    await store.setMeta('key', 'value');
    await store.recordTokenUse(new Map([['tok_t', 1]]));
    await store.apply([[put('a', file)]], applyOptions({ dryRun: true }));
    await store.apply([[put('a', file)]], applyOptions());
    cancel();
    await store.write([put('b')], admin);
    const last = store.findToken(hashOf('t'));
    const isSynchronous = !(last instanceof Promise);
    await Promise.all([...reads, last]);
    assert.deepEqual(seen, [
      [1, isSynchronous],
      [2, isSynchronous],
    ]);
  });

  test('keeps small named values, raising no revision', async (t) => {
    const { store } = await open(t);
    assert.equal(await store.getMeta('file_hash'), undefined);
    await store.setMeta('file_hash', 'one');
    await store.setMeta('file_hash', 'two');
    assert.equal(await store.getMeta('file_hash'), 'two');
    await store.setMeta('file_size', '2');
    await store.setMeta('x_file_', '3');
    await store.setMeta('fileX', '4');
    assert.deepEqual([...(await store.listMeta('file_'))].sort(), [
      ['file_hash', 'two'],
      ['file_size', '2'],
    ]);
    assert.deepEqual(await store.listAdminAudit(10), []);
    await store.setMeta('file_size', '5', { name: 'admin', action: 'size.set', requestId: 'req-9' });
    const [row] = await store.listAdminAudit(10);
    assert.partialDeepStrictEqual(row, {
      revision: 0,
      actor: 'admin',
      action: 'size.set',
      kind: 'meta',
      id: 'file_size',
      requestId: 'req-9',
    });
    assert.equal(await revisionOf(store), 0);
  });

  test('finishes the writes that were asked for before it closes, and refuses later calls', async (t) => {
    const { store, reopen } = await open(t);
    const writing = store.write([put('a')], admin);
    await store.close();
    assert.equal((await writing).revision, 1);
    await store.close();
    const late = [
      () => store.identity(),
      () => store.write([put('b')], admin),
      () => store.apply([], applyOptions()),
      () => store.readAll(),
      () => store.dump(),
      () => store.readChanged({ storeId: '', epoch: 0, revision: 0 }, 10),
      () => store.getResource('consumer', 'a'),
      () => store.changesSince(0, 10),
      async () => store.findToken(hashOf('t')),
      () => store.recordTokenUse(new Map([['tok_t', 1]])),
      () => store.setMeta('a', 'b'),
    ];
    for (const call of late) await assert.rejects(call, { code: 'store_failed' }, String(call));
    if (reopen !== undefined) assert.ok(await (await reopen()).getResource('consumer', 'a'));
  });

  test('has everything after it was opened again', async (t) => {
    const { store, reopen } = await open(t);
    if (reopen === undefined) {
      // Nothing outlives this store: what is opened next is another one.
      await store.write([put('a')], admin);
      const { store: another } = await open(t);
      assert.equal(await another.getResource('consumer', 'a'), undefined);
      return;
    }
    await store.apply([[put('team', file), put('other', file), putToken('t', file)]], applyOptions());
    await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true }], admin);
    await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 5 }], admin);
    await store.setMeta('key', 'value');
    const before = {
      identity: await store.identity(),
      token: await store.findToken(hashOf('t')),
      resources: await store.listResources('consumer'),
      changes: { ...(await store.changesSince(0, 100)), oldestAgeMs: 0 },
      audit: await store.listAdminAudit(100),
    };
    const again = await reopen();
    assert.deepEqual(
      {
        identity: await again.identity(),
        token: await again.findToken(hashOf('t')),
        resources: await again.listResources('consumer'),
        // The age of a change is all that time changes.
        changes: { ...(await again.changesSince(0, 100)), oldestAgeMs: 0 },
        audit: await again.listAdminAudit(100),
      },
      before,
    );
    assert.equal(await again.getMeta('key'), 'value');
    assert.equal((await again.write([put('new')], admin)).revision, 4);
  });
}
