import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../../sidecar/core/ports.ts';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, many, put } from './samples.ts';

export function changesContract(open: OpenForTest): void {
  test('names the changes after a revision', async (t) => {
    const { store } = await open(t);
    for (const id of ['a', 'b', 'c']) await store.write([put(id)], admin);
    const identity = await store.identity();
    const { oldestAgeMs, timeline, ...page } = await store.changesSince(1, 100);
    assert.ok(oldestAgeMs !== undefined && oldestAgeMs >= 0 && oldestAgeMs < 60_000, String(oldestAgeMs));
    assert.deepEqual(page, {
      ...identity,
      changes: [
        { revision: 2, kind: 'consumer', id: 'b', cacheKey: '' },
        { revision: 3, kind: 'consumer', id: 'c', cacheKey: '' },
      ],
      completeTo: 3,
      logFloor: 0,
    });
    const { oldestAgeMs: none, timeline: same, ...rest } = await store.changesSince(3, 100);
    assert.equal(none, undefined);
    assert.deepEqual(rest, { ...identity, changes: [], completeTo: 3, logFloor: 0 });
    assert.equal(same, timeline);
  });

  test('says how long ago the oldest change of a page was written', async (t) => {
    const { store } = await open(t);
    await store.write([put('a')], admin);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await store.write([put('b')], admin);
    const { oldestAgeMs: both = 0 } = await store.changesSince(0, 100);
    assert.ok(both >= 50, String(both));
  });

  test('tells a reader that is ahead how far the store is', async (t) => {
    const { store } = await open(t);
    await store.write([put('a')], admin);
    assert.partialDeepStrictEqual(await store.changesSince(9, 100), { changes: [], revision: 1, completeTo: 1 });
  });

  test('never cuts a revision in two', async (t) => {
    const { store } = await open(t);
    await store.write([put('a1')], admin);
    await store.write([put('b1'), put('b2'), put('b3')], admin);
    await store.write([put('c1')], admin);
    const page = await store.changesSince(0, 2);
    assert.deepEqual(
      page.changes.map((change) => change.id),
      ['a1', 'b1', 'b2', 'b3'],
    );
    assert.equal(page.completeTo, 2);
    assert.equal(page.revision, 3);
    const next = await store.changesSince(page.completeTo, 2);
    assert.deepEqual(
      next.changes.map((change) => change.id),
      ['c1'],
    );
    assert.equal(next.completeTo, 3);
  });

  test('names every change of a large apply', async (t) => {
    const { store } = await open(t);
    await store.apply([many(2_500)], applyOptions());
    const page = await store.changesSince(0, 10);
    assert.equal(new Set(page.changes.map((change) => change.id)).size, 2_500);
    assert.equal(page.completeTo, 1);
  });

  test('keeps a bounded log by whole revisions, and says from where it is complete', async (t) => {
    const { store } = await open(t, { changeLogRows: 50 });
    const names = new Map<number, string[]>();
    for (let index = 0; index < 120; index++) {
      const ids = [`c${index}`, `d${index}`];
      const { revision } = await store.write(
        ids.map((id) => put(id)),
        admin,
      );
      names.set(revision, ids);
    }
    const { logFloor, revision } = await store.changesSince(120, 1);
    assert.equal(revision, 120);
    const kept = (revision - logFloor) * 2;
    assert.ok(kept >= 50 && kept <= 60, `${kept} changes kept`);
    assert.deepEqual(await readNames(store, logFloor), new Map([...names].filter(([at]) => at > logFloor)));
    const late = await store.changesSince(logFloor - 1, 100);
    assert.deepEqual([late.changes, late.completeTo, late.logFloor], [[], logFloor - 1, logFloor]);
  });

  test('keeps no log of a write larger than the log', async (t) => {
    const { store } = await open(t, { changeLogRows: 50 });
    await store.write([put('before')], admin);
    await store.apply([many(51)], applyOptions());
    assert.partialDeepStrictEqual(await store.changesSince(1, 100), { changes: [], logFloor: 2, revision: 2 });
    await store.write([put('after')], admin);
    assert.deepEqual(await readNames(store, 2), new Map([[3, ['after']]]));
  });
}

async function readNames(store: Store, since: number): Promise<Map<number, string[]>> {
  const names = new Map<number, string[]>();
  for (const { revision, id } of (await store.changesSince(since, 1_000)).changes) {
    names.set(revision, [...(names.get(revision) ?? []), id]);
  }
  return names;
}
