import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenForTest } from '../store-contract.ts';
import { admin, changesAfter, hashOf, put, putToken, refuses, revisionOf, token } from './samples.ts';

export function tokenContract(open: OpenForTest): void {
  test('finds a token by hash, together with the revision it was read at', async (t) => {
    const { store } = await open(t);
    assert.deepEqual(await store.findToken(hashOf('t')), { asOf: 0, token: undefined });
    await store.write([putToken('t')], admin);
    await store.write([put('team')], admin);
    const { asOf, token: found } = await store.findToken(hashOf('t'));
    assert.equal(asOf, 2);
    assert.ok(found);
    const { createdAtMs, ...rest } = found;
    assert.ok(createdAtMs > 0);
    assert.deepEqual(rest, { ...token('t'), revision: 1, revokedAtMs: undefined, lastUsedAtMs: undefined });
    assert.deepEqual(await store.getToken('tok_t'), found);
    assert.equal(await store.getToken('tok_x'), undefined);
    assert.equal((await store.findToken(hashOf('x'))).asOf, 2);
  });

  test('refuses a token whose id or hash exists', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('t')], admin);
    const sameId = { ...token('x'), id: 'tok_t' };
    const sameHash = { ...token('x'), sha256: hashOf('t') };
    for (const taken of [token('t'), sameId, sameHash]) {
      await refuses(store, () => store.write([{ op: 'put_token', token: taken }], admin), 'resource_exists');
    }
  });

  test('refuses a token without a whole number for its expiry', async (t) => {
    const { store } = await open(t);
    for (const expiresAtMs of [Infinity, Number.NaN, 1.5]) {
      const bad = { op: 'put_token', token: { ...token('t'), expiresAtMs } } as const;
      await refuses(store, () => store.write([bad], admin), 'resource_invalid');
    }
  });

  test('revokes, and keeps the earlier moment', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('t')], admin);
    const revoke = (atMs: number) => store.write([{ op: 'revoke_token', id: 'tok_t', atMs }], admin);
    await revoke(500);
    assert.equal((await revoke(900)).revision, 2, 'a later revocation raised the revision');
    assert.equal((await store.getToken('tok_t'))?.revokedAtMs, 500);
    await revoke(100);
    assert.equal((await store.getToken('tok_t'))?.revokedAtMs, 100);
    await refuses(store, () => store.write([{ op: 'revoke_token', id: 'tok_x', atMs: 1 }], admin), 'not_found');
  });

  test('names tokens in the change log by the key that caches use', async (t) => {
    const { store } = await open(t);
    const key = `token:${hashOf('t')}`;
    await store.write([putToken('t')], admin);
    await store.write([{ op: 'expire_token', id: 'tok_t', expiresAtMs: 5_000 }], admin);
    await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 1 }], admin);
    await store.write([{ op: 'delete_token', id: 'tok_t', owner: 'api' }], admin);
    assert.deepEqual(
      await changesAfter(store, 0),
      [1, 2, 3, 4].map((revision) => ({ revision, kind: 'token', id: 'tok_t', cacheKey: key })),
    );
  });

  test('sets an expiry, once', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('t')], admin);
    const expire = { op: 'expire_token', id: 'tok_t', expiresAtMs: 5_000 } as const;
    await store.write([expire], admin);
    assert.equal((await store.write([expire], admin)).revision, 2);
    assert.partialDeepStrictEqual(await store.getToken('tok_t'), { expiresAtMs: 5_000, revision: 2 });
    await refuses(store, () => store.write([{ ...expire, id: 'tok_x' }], admin), 'not_found');
  });

  test('deletes a token; a revoked one that comes back is revoked still', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('t')], admin);
    await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 7 }], admin);
    await store.write([{ op: 'delete_token', id: 'tok_t', owner: 'api' }], admin);
    assert.deepEqual(await store.findToken(hashOf('t')), { asOf: 3, token: undefined });
    await store.write([putToken('t')], admin);
    assert.equal((await store.getToken('tok_t'))?.revokedAtMs, 7);
    await refuses(store, () => store.write([{ op: 'delete_token', id: 'tok_x', owner: 'api' }], admin), 'not_found');
  });

  test('lists tokens by id, all or of one consumer, page by page', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('b', 'api', 'x'), putToken('a', 'api', 'y'), putToken('c', 'api', 'x')], admin);
    const ids = async (filter: { consumer?: string }, page?: { after?: string; limit?: number }) =>
      (await store.listTokens(filter, page)).map((record) => record.id);
    assert.deepEqual(await ids({}), ['tok_a', 'tok_b', 'tok_c']);
    assert.deepEqual(await ids({ consumer: 'x' }), ['tok_b', 'tok_c']);
    assert.deepEqual(await ids({ consumer: 'x' }, { limit: 1 }), ['tok_b']);
    assert.deepEqual(await ids({}, { after: 'tok_a', limit: 1 }), ['tok_b']);
    assert.deepEqual(await ids({ consumer: 'z' }), []);
  });

  test('keeps the latest use of a token, raising no revision', async (t) => {
    const { store } = await open(t);
    await store.write([putToken('a'), putToken('b')], admin);
    await store.recordTokenUse(
      new Map([
        ['tok_a', 50],
        ['tok_b', 60],
        ['tok_gone', 70],
      ]),
    );
    await store.recordTokenUse(
      new Map([
        ['tok_a', 40],
        ['tok_b', 61],
      ]),
    );
    await store.recordTokenUse(new Map());
    assert.equal((await store.getToken('tok_a'))?.lastUsedAtMs, 50);
    assert.equal((await store.getToken('tok_b'))?.lastUsedAtMs, 61);
    assert.equal(await revisionOf(store), 1);
    assert.equal(await store.getToken('tok_gone'), undefined);
  });
}
