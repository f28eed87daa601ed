import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'node:test';
import { createAddressMatcher } from '../../sidecar/snapshot/address-matcher.ts';
import { resource, snapshotOf, usual } from '../support/deciding.ts';

describe('buildSnapshot', () => {
  it('leaves a resource out that cannot be compiled, reports it, and keeps the rest', async () => {
    const snapshot = await snapshotOf([
      ...usual(),
      resource('upstream', 'odd', { preset: 'unheard-of', routes: ['odd'] }),
      resource('policy', 'broken', { paths: ['/**/a/**'] }),
      resource('gateway', 'bad', { addresses: ['10.0.0.0/99'] }),
    ]);
    assert.deepEqual(
      snapshot.problems.map(({ kind, id }) => `${kind}/${id}`),
      ['gateway/bad', 'policy/broken', 'upstream/odd'],
    );
    assert.ok(snapshot.upstreams.has('api'));
    assert.ok(!snapshot.upstreamsByRoute.has('odd'));
  });

  it('gives a route that two upstreams claim to none of them', async () => {
    const snapshot = await snapshotOf([...usual(), resource('upstream', 'twin', { prefix: '/twin' })]);
    assert.equal(snapshot.upstreamsByRoute.size, 0);
    assert.equal(snapshot.problems.length, 2);
  });

  it('names a credential version anew when its secret reference changes, and only then', async () => {
    const versionOf = async (secret: { from: string; value: string }, labels = {}): Promise<string | undefined> => {
      const records = [...usual().filter((r) => r.kind !== 'credential'), resource('credential', 'c', { secret })];
      const snapshot = await snapshotOf([...records, resource('consumer', 'x', { labels })]);
      return snapshot.upstreams.get('api')?.credentials[0]?.versionId;
    };
    const first = await versionOf({ from: 'test', value: 'a' });
    assert.equal(await versionOf({ from: 'test', value: 'a' }, { a: 'b' }), first);
    assert.notEqual(await versionOf({ from: 'test', value: 'b' }), first);
  });

  it('leaves a disabled policy and a disabled credential out', async () => {
    const off = usual().map((r) => (r.kind === 'policy' || r.kind === 'credential' ? { ...r, disabled: true } : r));
    const snapshot = await snapshotOf(off);
    assert.equal(snapshot.upstreams.get('api')?.credentials.length, 0);
    assert.equal(snapshot.policiesBySubject.size, 0);
  });

  it('shows no secret when it is printed', async () => {
    assert.ok(!inspect(await snapshotOf(usual()), { depth: 20, showHidden: true }).includes('upstream-secret"'));
    const text = inspect((await snapshotOf(usual())).upstreams.get('api')?.credentials, {
      depth: 20,
      showHidden: true,
    });
    assert.ok(text.includes('[secret]') && !text.includes('upstream-secret'));
  });
});

describe('createAddressMatcher', () => {
  it('matches addresses and blocks of both families, mapped IPv4 included', () => {
    const matches = createAddressMatcher(['192.0.2.1', '10.0.0.0/8', '2001:db8::/32']);
    for (const address of ['192.0.2.1', '::ffff:10.2.3.4', '2001:db8::7']) assert.ok(matches(address), address);
    for (const address of ['192.0.2.2', '11.0.0.1', '2001:db9::1', '', 'nonsense'])
      assert.ok(!matches(address), address);
  });

  it('refuses what is no address', () => {
    for (const block of ['10.0.0.0/33', 'host', '10.0.0.0/', '::1/129']) {
      assert.throws(() => createAddressMatcher([block]), RangeError, block);
    }
  });
});
