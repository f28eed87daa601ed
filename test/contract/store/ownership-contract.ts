import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mutation } from '../../../sidecar/core/ports.ts';
import type { OpenForTest } from '../store-contract.ts';
import { admin, applyOptions, consumerSpec, file, hashOf, otherFile, put, putToken, refuses } from './samples.ts';
import { token } from './samples.ts';

export function ownershipContract(open: OpenForTest): void {
  test('refuses to let the API edit what a file owns, and names it', async (t) => {
    const { store } = await open(t);
    await store.apply([[put('team', file), putToken('t', file)]], applyOptions());
    const edits: readonly (readonly [Mutation, string])[] = [
      [put('team', 'api', 'x'), 'consumer/team'],
      [put('team'), 'consumer/team'],
      [{ op: 'delete', kind: 'consumer', id: 'team', owner: 'api' }, 'consumer/team'],
      [{ op: 'expire_token', id: 'tok_t', expiresAtMs: 5 }, 'token/tok_t'],
      [{ op: 'delete_token', id: 'tok_t', owner: 'api' }, 'token/tok_t'],
    ];
    for (const [edit, path] of edits) {
      const refusal = await refuses(store, () => store.write([edit], admin), 'resource_owned_by_file');
      assert.deepEqual(
        refusal.problems.map((problem) => problem.path),
        [path],
      );
      assert.match(refusal.message, /file:resources\.yaml/);
    }
    assert.deepEqual((await store.getResource('consumer', 'team'))?.spec, consumerSpec());
    assert.equal((await store.getToken('tok_t'))?.expiresAtMs, token('t').expiresAtMs);
  });

  test('lets the API disable and revoke whatever a file owns', async (t) => {
    const { store } = await open(t);
    await store.apply([[put('team', file), putToken('t', file)]], applyOptions());
    await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true }], admin);
    await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 77 }], admin);
    assert.equal((await store.getResource('consumer', 'team'))?.disabled, true);
    assert.equal((await store.findToken(hashOf('t'))).token?.revokedAtMs, 77);
  });

  test('keeps a disabled resource disabled when its file is applied, changed, or drops it and brings it back', async (t) => {
    const { store } = await open(t);
    const keep = put('keep', file);
    await store.apply([[keep, put('team', file)]], applyOptions());
    await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true }], admin);
    const isDisabled = async () => (await store.getResource('consumer', 'team'))?.disabled;

    assert.equal((await store.apply([[keep, put('team', file)]], applyOptions())).updated, 0);
    assert.equal(await isDisabled(), true);
    assert.equal((await store.apply([[keep, put('team', file, 'x')]], applyOptions())).updated, 1);
    assert.equal(await isDisabled(), true);
    assert.equal((await store.apply([[keep]], applyOptions())).deleted, 1);
    assert.equal(await isDisabled(), undefined);
    await store.apply([[keep, put('team', file)]], applyOptions());
    assert.equal(await isDisabled(), true);
  });

  test('keeps a revoked token revoked when its file declares it again, under another id as well', async (t) => {
    const { store } = await open(t);
    const keep = put('keep', file);
    await store.apply([[keep, putToken('t', file)]], applyOptions());
    await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 99 }], admin);
    const revokedAt = async () => (await store.findToken(hashOf('t'))).token?.revokedAtMs;

    await store.apply([[keep, putToken('t', file)]], applyOptions());
    assert.equal(await revokedAt(), 99);
    await store.apply([[keep]], applyOptions());
    assert.equal((await store.findToken(hashOf('t'))).token, undefined);
    await store.apply([[keep, putToken('t', file)]], applyOptions());
    assert.equal(await revokedAt(), 99);
    await store.apply([[keep, { op: 'put_token', token: { ...token('t', file), id: 'tok_new' } }]], applyOptions());
    assert.equal(await revokedAt(), 99);
    assert.equal(await store.getToken('tok_t'), undefined);
  });

  test('refuses a file that declares what the API or another file owns, and names every conflict', async (t) => {
    const { store } = await open(t);
    await store.write([put('mine'), putToken('t')], admin);
    const changed = { ...token('t', file), consumer: 'another' };
    const conflicts = [put('new', file), put('mine', file, 'x'), { op: 'put_token', token: changed } as const];
    const refusal = await refuses(store, () => store.apply([conflicts], applyOptions()), 'resource_exists');
    assert.deepEqual(
      refusal.problems.map((problem) => problem.path),
      ['consumer/mine', 'token/tok_t'],
    );
    assert.equal(await store.getResource('consumer', 'new'), undefined);

    await store.apply([[put('theirs', otherFile)]], applyOptions({ owner: otherFile }));
    await refuses(store, () => store.apply([[put('theirs', file)]], applyOptions()), 'resource_owned_by_file');
    assert.equal((await store.getResource('consumer', 'theirs'))?.owner, otherFile);
  });

  test('lets a file take over what the API made, where it declares just that', async (t) => {
    const { store } = await open(t);
    const rotated = { ...token('t'), rotatedFrom: 'tok_before' };
    await store.write([put('mine'), { op: 'put_token', token: rotated }], admin);
    await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'mine', disabled: true }], admin);
    await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 99 }], admin);

    const taken = await store.apply([[put('mine', file), putToken('t', file)]], applyOptions());
    assert.deepEqual([taken.created, taken.updated], [0, 2]);
    assert.partialDeepStrictEqual(await store.getResource('consumer', 'mine'), { owner: file, disabled: true });
    assert.partialDeepStrictEqual(await store.getToken('tok_t'), {
      owner: file,
      revokedAtMs: 99,
      rotatedFrom: 'tok_before',
    });
    await refuses(store, () => store.write([put('mine', 'api', 'x')], admin), 'resource_owned_by_file');
    const again = await store.apply([[put('mine', file), putToken('t', file)]], applyOptions());
    assert.equal(again.unchanged, 2);
    await refuses(store, () => store.write([put('mine')], admin), 'resource_owned_by_file');
  });

  test('refuses a token whose hash another owner holds', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('t')], admin);
    const copy = { op: 'put_token', token: { ...token('t', file), id: 'tok_copy' } } as const;
    const refusal = await refuses(store, () => store.apply([[copy]], applyOptions()), 'resource_exists');
    assert.equal(refusal.problems[0]?.path, 'token/tok_copy');
    assert.ok(!JSON.stringify(refusal.problems).includes(hashOf('t')), 'the error shows the hash');
  });
}
