import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, collect, file, many, put } from './samples.ts';

export function readAllContract(open: OpenForTest): void {
  test('reads everything of one moment, whatever is written meanwhile', async (t) => {
    const { store } = await open(t);
    await store.apply([many(1_200)], applyOptions());
    await store.write([put('team'), { op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true }], admin);
    const { chunks, ...identity } = await store.readAll();
    assert.deepEqual(identity, await store.identity());
    const reading = chunks[Symbol.asyncIterator]();
    const first = await reading.next();
    assert.ok(first.done !== true);
    await store.write([put('zz-later'), { op: 'delete', kind: 'consumer', id: 'team', owner: 'api' }], admin);
    await store.apply([[put('c01000', file, 'changed'), ...many(1_000)]], applyOptions());
    const records = [...first.value, ...(await collect({ [Symbol.asyncIterator]: () => reading }))];
    assert.equal(records.length, 1_201);
    assert.deepEqual(records.at(-1), { ...records.at(-1), id: 'team', disabled: true });
    assert.equal(records.find((record) => record.id === 'c01000')?.revision, 1);
    const later = await store.readAll();
    assert.equal(later.revision, identity.revision + 2);
    assert.ok(!(await collect(later.chunks)).some((record) => record.id === 'team'));
  });

  test('leaves the loop its turns while everything is read', async (t) => {
    const { store } = await open(t);
    await store.apply([many(2_400)], applyOptions());
    let turns = 0;
    let reading = true;
    const count = () => {
      turns += 1;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    const { chunks } = await store.readAll();
    const sizes: number[] = [];
    for await (const chunk of chunks) sizes.push(chunk.length);
    reading = false;
    assert.ok(Math.max(...sizes) <= 500, `a chunk of ${Math.max(...sizes)}`);
    assert.ok(turns >= sizes.length - 1, `${turns} turns for ${sizes.length} chunks`);
  });

  test('can be left half-read, and read twice at once', async (t) => {
    const { store } = await open(t);
    await store.apply([many(1_200)], applyOptions());
    const left = await store.readAll();
    for await (const chunk of left.chunks) {
      assert.ok(chunk.length > 0);
      break;
    }
    const [a, b] = await Promise.all([store.readAll(), store.readAll()]);
    assert.deepEqual(
      await Promise.all([collect(a.chunks), collect(b.chunks)]).then((all) => all.map((x) => x.length)),
      [1_200, 1_200],
    );
    await store.write([put('after')], admin);
  });

  test('reads an empty store', async (t) => {
    const { store } = await open(t);
    const { chunks, revision } = await store.readAll();
    assert.deepEqual([await collect(chunks), revision], [[], 0]);
  });
}
