import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceChange, Store, StoreIdentity } from '../../../sidecar/core/ports.ts';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, file, many, put, putToken } from './samples.ts';

const plenty = 10_000;

export function readChangedContract(open: OpenForTest): void {
  test('reads what changed after a revision, each resource once and as it is now', async (t) => {
    const { store } = await open(t);
    await store.write([put('a'), put('b'), put('c')], admin);
    const since = await store.identity();
    await store.write([put('b', 'api', 'other'), putToken('t')], admin);
    await store.write([{ op: 'delete', kind: 'consumer', id: 'c', owner: 'api' }], admin);
    await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'b', disabled: true }], admin);
    const { changes, identity } = await readChanged(store, since);
    assert.deepEqual(identity, await store.identity());
    assert.deepEqual(
      changes.sort((x, y) => (x.id < y.id ? -1 : 1)),
      [
        { kind: 'consumer', id: 'b', record: await store.getResource('consumer', 'b') },
        { kind: 'consumer', id: 'c', record: undefined },
      ],
    );
    assert.deepEqual((await readChanged(store, identity)).changes, []);
  });

  test('reads many changes of one moment, whatever is written meanwhile', async (t) => {
    const { store } = await open(t);
    const since = await store.identity();
    await store.apply([many(1_200)], applyOptions());
    const changed = await store.readChanged(since, plenty);
    assert.ok(changed);
    const { chunks, ...identity } = changed;
    assert.deepEqual(identity, await store.identity());
    const reading = chunks[Symbol.asyncIterator]();
    const first = await reading.next();
    assert.ok(first.done !== true && first.value.length <= 500);
    await store.write([put('c01199', file, 'changed')], { ...admin, name: file });
    const records = [...first.value];
    for await (const chunk of { [Symbol.asyncIterator]: () => reading }) records.push(...chunk);
    assert.equal(new Set(records.map(({ id }) => id)).size, 1_200);
    assert.deepEqual([...new Set(records.map(({ record }) => record?.revision))], [1]);
  });

  test('can be left half-read', async (t) => {
    const { store } = await open(t);
    const since = await store.identity();
    await store.apply([many(1_200)], applyOptions());
    const left = await store.readChanged(since, plenty);
    for await (const chunk of left?.chunks ?? []) {
      assert.ok(chunk.length > 0);
      break;
    }
    await store.write([put('after')], admin);
  });

  test('leaves it to a read of everything where there are too many, or the log cannot tell', async (t) => {
    const { store } = await open(t, { changeLogRows: 50 });
    const before = await store.identity();
    await store.write([put('a'), put('b'), put('c')], admin);
    assert.equal(await store.readChanged(before, 2), undefined);
    assert.equal((await readChanged(store, before, 3)).changes.length, 3);
    const now = await store.identity();
    assert.equal(await store.readChanged({ ...now, storeId: 'another' }, plenty), undefined);
    assert.equal(await store.readChanged({ ...now, epoch: now.epoch + 1 }, plenty), undefined);
    assert.equal(await store.readChanged({ ...now, revision: now.revision + 1 }, plenty), undefined);
    await store.apply([many(51)], applyOptions());
    assert.equal(await store.readChanged(now, plenty), undefined);
  });
}

async function readChanged(
  store: Store,
  since: StoreIdentity,
  limit = plenty,
): Promise<{ readonly identity: StoreIdentity; readonly changes: ResourceChange[] }> {
  const changed = await store.readChanged(since, limit);
  assert.ok(changed);
  const { chunks, ...identity } = changed;
  const changes: ResourceChange[] = [];
  for await (const chunk of chunks) changes.push(...chunk);
  return { identity, changes };
}
