import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sha256 } from '../../support/deciding.ts';
import { startAdmin, type RunningAdmin } from './start-admin.ts';

const dayMs = 86_400_000;

describe('tokens over the admin API', () => {
  let admin: RunningAdmin;
  beforeEach(async () => {
    admin = await startAdmin();
    await admin.call('PUT', '/consumers/team', {});
  });
  afterEach(() => admin.close());

  it('shows a token once and keeps its hash', async () => {
    const issued = await admin.call('POST', '/tokens', { consumer: 'team', ttl: '30d', description: 'ci' });
    assert.equal(issued.status, 201, issued.text);
    const { token, id, expires_at: expiresAt } = issued.body;
    assert.match(token, /^cf_/);
    assert.equal(Date.parse(expiresAt), admin.clock.now() + 30 * dayMs);
    const record = await admin.store.getToken(id);
    assert.equal(record?.sha256, sha256(token));
    assert.equal(record.consumer, 'team');

    const seen = [await admin.call('GET', `/tokens/${id}`), await admin.call('GET', '/tokens?consumer=team')];
    for (const answer of seen) assert.ok(answer.status === 200 && !answer.text.includes(token));
    assert.ok(!admin.logged.join('').includes(token));
    assert.equal((await admin.call('GET', '/tokens?consumer=other')).body.items.length, 0);
  });

  it('gives the default life where none is asked for', async () => {
    const issued = await admin.call('POST', '/tokens', { consumer: 'team' });
    assert.equal(Date.parse(issued.body.expires_at), admin.clock.now() + 90 * dayMs);
  });

  it('refuses lives that it should not give', async () => {
    const past = new Date(admin.clock.now() - 1).toISOString();
    const far = new Date(admin.clock.now() + 366 * dayMs).toISOString();
    for (const [body, status, path] of [
      [{ ttl: '366d' }, 422, 'ttl'],
      [{ ttl: '0s' }, 422, 'ttl'],
      [{ ttl: '30' }, 400, 'ttl'],
      [{ ttl: 30 }, 400, 'ttl'],
      [{ expires_at: past }, 422, 'expires_at'],
      [{ expires_at: far }, 422, 'expires_at'],
      [{ expires_at: '2027-01-01' }, 400, 'expires_at'],
      [{ ttl: '1d', expires_at: far }, 400, 'expires_at'],
      [{ ttl: '1d', not_before: far }, 422, 'not_before'],
      [{ consumer: 'nobody' }, 422, 'consumer'],
      [{ consumer: undefined }, 400, 'consumer'],
      [{ tll: '1d' }, 400, 'tll'],
    ] as const) {
      const answer = await admin.call('POST', '/tokens', { consumer: 'team', ...body });
      assert.equal(answer.status, status, JSON.stringify(body) + answer.text);
      assert.equal(answer.body.errors[0]?.path, path);
    }
    assert.equal((await admin.call('GET', '/tokens')).body.items.length, 0);
  });

  it('revokes, once and for all', async () => {
    const { id } = (await admin.call('POST', '/tokens', { consumer: 'team' })).body;
    const revoked = await admin.call('POST', `/tokens/${id}/revoke`);
    assert.equal(revoked.body.state, 'revoked');
    const at = revoked.body.revoked_at;
    admin.clock.advance(1_000);
    assert.equal((await admin.call('POST', `/tokens/${id}/revoke`)).body.revoked_at, at);
    assert.equal((await admin.call('POST', `/tokens/${id}/rotate`, {})).status, 400);
    assert.equal((await admin.call('POST', '/tokens/tok_none/revoke')).status, 404);
  });

  it('rotates with an overlap: the new one lives its own life, the old one ends', async () => {
    const old = (await admin.call('POST', '/tokens', { consumer: 'team', ttl: '30d', description: 'ci' })).body;
    const rotated = await admin.call('POST', `/tokens/${old.id}/rotate`, { overlap: '1h', ttl: '10d' });
    assert.equal(rotated.status, 201, rotated.text);
    assert.notEqual(rotated.body.token, old.token);
    assert.equal(rotated.body.rotated_from, old.id);
    assert.equal(rotated.body.description, 'ci');
    assert.equal(Date.parse(rotated.body.expires_at), admin.clock.now() + 10 * dayMs);
    const ends = admin.clock.now() + 3_600_000;
    assert.equal(Date.parse(rotated.body.previous.expires_at), ends);
    assert.equal((await admin.store.getToken(old.id))?.expiresAtMs, ends);
    admin.clock.advance(3_600_000);
    assert.equal((await admin.call('GET', `/tokens/${old.id}`)).body.state, 'expired');
  });

  it('narrows a token to policies that exist, and what replaces it as well', async () => {
    await admin.call('PUT', '/policies/chat', { effect: 'allow', consumers: ['team'], upstreams: ['*'] });
    const narrow = await admin.call('POST', '/tokens', { consumer: 'team', scopes: ['chat'] });
    assert.equal(narrow.status, 201, narrow.text);
    assert.match(narrow.text, /"scopes":\["chat"\]/);
    const next = await admin.call('POST', `/tokens/${narrow.body.id}/rotate`);
    assert.deepEqual((await admin.store.getToken(next.body.id))?.scopes, ['chat']);
    const unknown = await admin.call('POST', '/tokens', { consumer: 'team', scopes: ['chat', 'chatt'] });
    assert.equal(unknown.status, 422);
    assert.equal(unknown.body.errors[0]?.path, 'scopes[1]');
    for (const scopes of [[], 'chat', [7]]) {
      assert.equal((await admin.call('POST', '/tokens', { consumer: 'team', scopes })).status, 400);
    }
  });

  it('issues no successor to a consumer who is gone', async () => {
    const old = (await admin.call('POST', '/tokens', { consumer: 'team' })).body;
    await admin.call('DELETE', '/consumers/team');
    const answer = await admin.call('POST', `/tokens/${old.id}/rotate`, {});
    assert.equal(answer.status, 422);
    assert.equal(answer.body.errors[0]?.path, 'consumer');
  });

  it('never lengthens the life of what it replaces', async () => {
    const old = (await admin.call('POST', '/tokens', { consumer: 'team', ttl: '1h' })).body;
    const rotated = await admin.call('POST', `/tokens/${old.id}/rotate`);
    assert.equal(rotated.status, 201, rotated.text);
    assert.equal(rotated.body.previous.expires_at, old.expires_at);
  });
});

describe('the keys of a gateway', () => {
  it('rotates: the new key is current, the old one ends, the one before is retired', async () => {
    const admin = await startAdmin();
    const first = 'a'.repeat(64);
    await admin.call('PUT', '/gateways/edge', { keys: [{ sha256: first }], upstreams: ['*'] });
    const one = await admin.call('POST', '/gateways/edge/rotate', { overlap: '1h' });
    assert.equal(one.status, 201, one.text);
    const key = one.body.key;
    assert.ok(key.length >= 32 && !key.includes('$'));
    assert.deepEqual(one.body.previous, {
      sha256: first,
      expires_at: new Date(admin.clock.now() + 3_600_000).toISOString(),
    });
    assert.deepEqual(admin.keptKeys, [key]);
    const two = await admin.call('POST', '/gateways/edge/rotate');
    const { spec } = (await admin.call('GET', '/gateways/edge')).body;
    assert.deepEqual(
      spec.keys?.map((live) => live.sha256),
      [two.body.sha256, sha256(key)],
    );
    assert.equal(spec.keys[0]?.expires_at, undefined);
    assert.equal(Date.parse(spec.keys[1]?.expires_at ?? ''), admin.clock.now() + dayMs);
    assert.deepEqual(spec.retired_keys, [first]);
    const everything = (await admin.call('GET', '/gateways')).text + admin.logged.join('');
    assert.ok(!everything.includes(key));
    assert.equal((await admin.call('POST', '/gateways/none/rotate')).status, 404);
    await admin.close();
  });
});
