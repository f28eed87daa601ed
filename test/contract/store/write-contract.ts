import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenForTest } from '../store-contract.ts';
import { admin, changesAfter, consumerSpec, put, refuses, revisionOf } from './samples.ts';

export function writeContract(open: OpenForTest): void {
  test('begins at revision 0 with an id of its own', async (t) => {
    const { store } = await open(t);
    const { store: another } = await open(t);
    const identity = await store.identity();
    assert.equal(identity.revision, 0);
    assert.ok(identity.epoch >= 1);
    assert.match(identity.storeId, /^[\w-]{16,}$/);
    assert.notEqual((await another.identity()).storeId, identity.storeId);
  });

  test('gives back what was put', async (t) => {
    const { store } = await open(t);
    const identity = await store.write([put('team')], admin);
    assert.equal(identity.revision, 1);
    assert.deepEqual(await store.identity(), identity);
    const record = await store.getResource('consumer', 'team');
    assert.ok(record);
    assert.deepEqual(record.spec, consumerSpec());
    assert.equal(record.kind, 'consumer');
    assert.equal(record.owner, 'api');
    assert.equal(record.disabled, false);
    assert.equal(record.revision, 1);
    assert.ok(record.createdAtMs > 0 && record.updatedAtMs === record.createdAtMs);
    assert.equal(await store.getResource('policy', 'team'), undefined);
  });

  test('puts all mutations of a write under one revision, with one audit row each', async (t) => {
    const { store } = await open(t);
    await store.write([put('a')], admin);
    await store.write([put('b'), { op: 'delete', kind: 'consumer', id: 'a', owner: 'api' }], {
      name: 'admin',
      action: 'bulk',
    });
    assert.equal(await revisionOf(store), 2);
    assert.deepEqual(await changesAfter(store, 1), [
      { revision: 2, kind: 'consumer', id: 'b', cacheKey: '' },
      { revision: 2, kind: 'consumer', id: 'a', cacheKey: '' },
    ]);
    const [deletion, creation, first, ...rest] = await store.listAdminAudit(10);
    assert.deepEqual(rest, []);
    assert.partialDeepStrictEqual(deletion, { revision: 2, actor: 'admin', action: 'bulk', kind: 'consumer', id: 'a' });
    assert.equal(deletion?.requestId, undefined);
    assert.partialDeepStrictEqual(creation, { revision: 2, id: 'b' });
    assert.partialDeepStrictEqual(first, { revision: 1, id: 'a', action: 'consumer.put', requestId: 'req-1' });
    assert.ok((first?.atMs ?? 0) > 0);
    assert.equal((await store.listAdminAudit(1)).length, 1);
  });

  test('changes nothing when one mutation of several is refused', async (t) => {
    const { store } = await open(t);
    const missing = { op: 'delete', kind: 'consumer', id: 'missing', owner: 'api' } as const;
    const refusal = await refuses(store, () => store.write([put('a'), missing], admin), 'not_found');
    assert.deepEqual(
      refusal.problems.map((problem) => problem.path),
      ['consumer/missing'],
    );
    assert.equal(await store.getResource('consumer', 'a'), undefined);
    assert.deepEqual(await store.listAdminAudit(10), []);
    await store.write([put('b')], admin);
    assert.deepEqual(
      (await changesAfter(store, 0)).map(({ revision, id }) => [revision, id]),
      [[1, 'b']],
    );
  });

  test('raises no revision for a put that changes nothing', async (t) => {
    const { store } = await open(t);
    const revisions: number[] = [];
    store.onCommit((revision) => revisions.push(revision));
    await store.write([put('team')], admin);
    const { owner, groups, labels } = consumerSpec();
    const reordered = { ...put('team'), spec: { labels, groups, owner } };
    assert.equal((await store.write([reordered], admin)).revision, 1);
    assert.deepEqual(revisions, [1]);
    assert.equal((await store.listAdminAudit(10)).length, 1);
    assert.equal((await store.write([put('team', 'api', 'other')], admin)).revision, 2);
    const changed = await store.getResource('consumer', 'team');
    assert.equal(changed?.revision, 2);
    assert.deepEqual(revisions, [1, 2]);
  });

  test('puts only at the revision that was asked for', async (t) => {
    const { store } = await open(t);
    await store.write([{ ...put('team'), ifRevision: 0 }], admin);
    await store.write([put('other')], admin);
    await store.write([{ ...put('team', 'api', 'x'), ifRevision: 1 }], admin);
    const stale = { ...put('team', 'api', 'y'), ifRevision: 1 };
    await refuses(store, () => store.write([stale], admin), 'revision_conflict');
    await refuses(store, () => store.write([{ ...stale, ifRevision: 0 }], admin), 'revision_conflict');
    await refuses(store, () => store.write([{ ...put('new'), ifRevision: 3 }], admin), 'revision_conflict');
    assert.deepEqual((await store.getResource('consumer', 'team'))?.spec, consumerSpec('x'));
  });

  test('deletes only at the revision that was asked for', async (t) => {
    const { store } = await open(t);
    await store.write([put('team')], admin);
    await store.write([put('team', 'api', 'x')], admin);
    const remove = { op: 'delete', kind: 'consumer', id: 'team', owner: 'api' } as const;
    await refuses(store, () => store.write([{ ...remove, ifRevision: 1 }], admin), 'revision_conflict');
    await store.write([{ ...remove, ifRevision: 2 }], admin);
    assert.equal(await store.getResource('consumer', 'team'), undefined);
  });

  test('disables and enables, apart from the spec', async (t) => {
    const { store } = await open(t);
    await store.write([put('team')], admin);
    const disable = { op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true } as const;
    await store.write([disable], admin);
    assert.equal((await store.write([disable], admin)).revision, 2, 'disabling twice raised the revision');
    const record = await store.getResource('consumer', 'team');
    assert.partialDeepStrictEqual(record, { disabled: true, revision: 2, spec: consumerSpec() });
    assert.deepEqual(await changesAfter(store, 1), [{ revision: 2, kind: 'consumer', id: 'team', cacheKey: '' }]);
    assert.equal((await store.listResources('consumer'))[0]?.disabled, true);
    await store.write([{ ...disable, disabled: false }], admin);
    assert.equal((await store.getResource('consumer', 'team'))?.disabled, false);
    await refuses(store, () => store.write([{ ...disable, id: 'nobody' }], admin), 'not_found');
  });

  test('gives concurrent writes consecutive revisions in the order they were asked', async (t) => {
    const { store } = await open(t);
    const written = await Promise.all(Array.from({ length: 40 }, (_, index) => store.write([put(`c${index}`)], admin)));
    assert.deepEqual(
      written.map((identity) => identity.revision),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      (await changesAfter(store, 0)).map(({ revision, id }) => `${revision} ${id}`),
      Array.from({ length: 40 }, (_, index) => `${index + 1} c${index}`),
    );
  });

  test('lists by id, page by page', async (t) => {
    const { store } = await open(t);
    await store.write(
      ['d', 'b', 'a', 'c'].map((id) => put(id)),
      admin,
    );
    const ids = async (page?: { after?: string; limit?: number }) =>
      (await store.listResources('consumer', page)).map((record) => record.id);
    assert.deepEqual(await ids(), ['a', 'b', 'c', 'd']);
    assert.deepEqual(await ids({ limit: 2 }), ['a', 'b']);
    assert.deepEqual(await ids({ after: 'b', limit: 5 }), ['c', 'd']);
    assert.deepEqual(await store.listResources('policy'), []);
  });
}
