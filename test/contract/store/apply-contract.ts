import assert from 'node:assert/strict';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { serialize } from 'node:v8';
import type { Mutation } from '../../../sidecar/core/ports.ts';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, changesAfter, file, hashOf, many, otherFile, put, putToken } from './samples.ts';
import { refuses, revisionOf, token } from './samples.ts';

export function applyContract(open: OpenForTest): void {
  test('applies a source in one revision and reports what changed', async (t) => {
    const { store } = await open(t);
    const first = await store.apply([[put('a', file), put('b', file)], [putToken('t', file)]], applyOptions());
    assert.deepEqual(first, {
      created: 3,
      updated: 0,
      unchanged: 0,
      deleted: 0,
      changed: [
        { id: 'consumer/a', action: 'create' },
        { id: 'consumer/b', action: 'create' },
        { id: 'token/tok_t', action: 'create' },
      ],
      revision: 1,
    });
    const rest = many(6);
    await store.apply([[put('a', file), put('b', file), putToken('t', file), ...rest]], applyOptions());
    const second = await store.apply(
      [
        [put('a', file, 'x'), ...rest],
        [{ op: 'put_token', token: { ...token('t', file), expiresAtMs: 9_000 } }],
        [put('c', file)],
      ],
      applyOptions(),
    );
    assert.partialDeepStrictEqual(second, { created: 1, updated: 2, unchanged: 6, deleted: 1, revision: 3 });
    assert.deepEqual(await changesAfter(store, 2), [
      { revision: 3, kind: 'consumer', id: 'a', cacheKey: '' },
      { revision: 3, kind: 'token', id: 'tok_t', cacheKey: `token:${hashOf('t')}` },
      { revision: 3, kind: 'consumer', id: 'c', cacheKey: '' },
      { revision: 3, kind: 'consumer', id: 'b', cacheKey: '' },
    ]);
    assert.partialDeepStrictEqual(await store.getToken('tok_t'), { expiresAtMs: 9_000, revision: 3 });
    const audit = await store.listAdminAudit(4);
    assert.deepEqual(
      audit.map((row) => [row.actor, row.action, row.kind, row.id]),
      [
        [file, 'apply:delete', 'consumer', 'b'],
        [file, 'apply:create', 'consumer', 'c'],
        [file, 'apply:update', 'token', 'tok_t'],
        [file, 'apply:update', 'consumer', 'a'],
      ],
    );
  });

  test('takes what another process packed, among what is not packed', async (t) => {
    const { store } = await open(t);
    const packed = serialize([put('b', file, 'x'), putToken('t', file)]);
    const report = await store.apply([[put('a', file)], { packed }, []], applyOptions());
    assert.partialDeepStrictEqual(report, { created: 3, revision: 1 });
    assert.deepEqual((await store.getResource('consumer', 'b'))?.spec, put('b', file, 'x').spec);
    assert.equal((await store.getToken('tok_t'))?.sha256, hashOf('t'));
    const again = await store.apply([{ packed: serialize([put('a', file), put('b', file, 'x'), putToken('t', file)]) }], applyOptions()); // prettier-ignore
    assert.partialDeepStrictEqual(again, { unchanged: 3, created: 0, revision: 1 });
  });

  test('raises no revision when nothing differs', async (t) => {
    const { store } = await open(t);
    const revisions: number[] = [];
    store.onCommit((revision) => revisions.push(revision));
    const source = [[...many(3), putToken('t', file)]];
    await store.apply(source, applyOptions());
    const again = await store.apply(source, applyOptions());
    assert.deepEqual(again, { created: 0, updated: 0, unchanged: 4, deleted: 0, changed: [], revision: 1 });
    assert.deepEqual(revisions, [1]);
  });

  test('takes chunks of any size, also from an asynchronous source', async (t) => {
    const { store } = await open(t);
    async function* source() {
      yield many(1_300);
      await Promise.resolve();
      yield [];
      yield [put('last', file)];
    }
    const report = await store.apply(source(), applyOptions());
    assert.equal(report.created, 1_301);
    assert.equal(report.changed.length, 1_000);
    assert.equal(report.revision, 1);
    assert.ok(await store.getResource('consumer', 'last'));
  });

  test('deletes only what this source owned and no longer names', async (t) => {
    const { store } = await open(t);
    await store.write([put('by-api')], admin);
    await store.apply([[put('theirs', otherFile)]], applyOptions({ owner: otherFile }));
    await store.apply([[put('gone', file), ...many(5)]], applyOptions());
    const report = await store.apply([many(5)], applyOptions());
    assert.deepEqual(report.changed, [{ id: 'consumer/gone', action: 'delete' }]);
    const ids = (await store.listResources('consumer')).map((record) => record.id);
    assert.deepEqual(ids, ['by-api', 'c00000', 'c00001', 'c00002', 'c00003', 'c00004', 'theirs']);
  });

  test('deletes nothing where no prune was asked for', async (t) => {
    const { store } = await open(t);
    await store.apply([many(3)], applyOptions());
    const report = await store.apply([[]], applyOptions({ prune: false }));
    assert.equal(report.deleted, 0);
    assert.equal((await store.listResources('consumer')).length, 3);
  });

  test('refuses to prune everything, or over a fifth, and names what would go', async (t) => {
    const { store } = await open(t);
    await store.apply([many(30)], applyOptions());
    const empty = await refuses(store, () => store.apply([], applyOptions()), 'prune_refused');
    assert.equal(empty.problems.length, 30);
    assert.equal(empty.problems[0]?.path, 'consumer/c00000');
    await refuses(store, () => store.apply([many(23)], applyOptions()), 'prune_refused');
    await refuses(store, () => store.apply([many(23)], applyOptions({ dryRun: true })), 'prune_refused');
    assert.equal((await store.listResources('consumer')).length, 30);
    // Exactly a fifth.
    assert.equal((await store.apply([many(24)], applyOptions())).deleted, 6);
    assert.equal((await store.apply([many(1)], applyOptions({ allowPrune: true }))).deleted, 23);
    // A few are nobody's accident, unless they are everything.
    await store.apply([many(5)], applyOptions());
    assert.equal((await store.apply([many(1)], applyOptions())).deleted, 4);
    await refuses(store, () => store.apply([], applyOptions()), 'prune_refused');
    assert.equal((await store.apply([], applyOptions({ allowPrune: true }))).deleted, 1);
    assert.equal((await store.apply([], applyOptions())).deleted, 0);
  });

  test('counts tokens into a prune', async (t) => {
    const { store } = await open(t);
    const tokens = Array.from({ length: 10 }, (_, index) => putToken(`t${index}`, file));
    await store.apply([tokens], applyOptions());
    await refuses(store, () => store.apply([tokens.slice(0, 5)], applyOptions()), 'prune_refused');
    await store.apply([tokens.slice(0, 8)], applyOptions());
    assert.equal((await store.findToken(hashOf('t9'))).token, undefined);
    assert.ok((await changesAfter(store, 1)).some((change) => change.cacheKey === `token:${hashOf('t9')}`));
  });

  test('reports a dry run and changes nothing', async (t) => {
    const { store } = await open(t);
    await store.apply([many(6)], applyOptions());
    const report = await store.apply([[...many(5), put('new', file)]], applyOptions({ dryRun: true }));
    assert.partialDeepStrictEqual(report, { created: 1, unchanged: 5, deleted: 1, revision: 1 });
    assert.equal(await revisionOf(store), 1);
    assert.equal(await store.getResource('consumer', 'new'), undefined);
    assert.ok(await store.getResource('consumer', 'c00005'));
    assert.equal((await store.listAdminAudit(100)).length, 6);
  });

  test('lets a file swap ids and hashes among its own tokens', async (t) => {
    const { store } = await open(t);
    const [a, b] = [token('a', file), token('b', file)];
    const declare = (...tokens: (typeof a)[]) => tokens.map((each): Mutation => ({ op: 'put_token', token: each }));
    await store.apply([declare(a, b)], applyOptions());
    await store.apply([declare({ ...a, sha256: b.sha256 }, { ...b, sha256: a.sha256 })], applyOptions());
    assert.equal((await store.findToken(a.sha256)).token?.id, 'tok_b');
    assert.equal((await store.findToken(b.sha256)).token?.id, 'tok_a');
    const keys = new Set((await changesAfter(store, 1)).map((change) => change.cacheKey));
    assert.deepEqual(keys, new Set([`token:${a.sha256}`, `token:${b.sha256}`]));
  });

  test('leaves nothing behind of a source that fails, and goes on', async (t) => {
    const { store } = await open(t);
    async function* broken() {
      yield many(700);
      await Promise.resolve();
      throw new Error('the file went away');
    }
    await assert.rejects(store.apply(broken(), applyOptions()), { code: 'store_failed' });
    assert.deepEqual(await store.listResources('consumer'), []);
    assert.equal((await store.write([put('a')], admin)).revision, 1);
  });

  test('refuses mutations that are no declarations', async (t) => {
    const { store } = await open(t);
    const revoke: Mutation = { op: 'revoke_token', id: 'tok_t', atMs: 1 };
    await refuses(store, () => store.apply([[put('a', file), revoke]], applyOptions()), 'internal');
    await refuses(store, () => store.apply([[put('a', otherFile)]], applyOptions()), 'internal');
    assert.deepEqual(await store.listResources('consumer'), []);
  });

  test('shows nobody a half-applied source, and makes other writes wait for it', async (t) => {
    const { store } = await open(t);
    const gate = new EventEmitter();
    const order: string[] = [];
    async function* source() {
      yield [put('first', file), putToken('t', file)];
      gate.emit('waiting');
      await once(gate, 'go');
      yield [put('second', file)];
    }
    const waiting = once(gate, 'waiting');
    const applying = store.apply(source(), applyOptions()).then(() => order.push('apply'));
    await waiting;
    const writing = store.write([put('by-api')], admin).then(() => order.push('write'));
    assert.equal((await store.findToken(hashOf('t'))).token, undefined);
    assert.equal(await store.getResource('consumer', 'first'), undefined);
    gate.emit('go');
    await Promise.all([applying, writing]);
    assert.deepEqual(order, ['apply', 'write']);
    assert.ok((await store.findToken(hashOf('t'))).token);
    assert.equal(await revisionOf(store), 2);
  });
}
