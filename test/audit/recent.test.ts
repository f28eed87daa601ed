import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRecentDecisions, type RecentOptions } from '../../sidecar/audit/recent.ts';
import { decide } from '../../sidecar/core/decide.ts';
import { deciding, question, resource, snapshotOf, usual } from '../support/deciding.ts';
import { inline, issuing, sign, signingKey } from '../support/issuing.ts';

async function filled(count: number, options: Partial<RecentOptions> = {}, headers = {}, when?: string) {
  const condition = resource('policy', 'c', { consumers: ['team'], ...(when === undefined ? {} : { when }) });
  const ctx = deciding(await snapshotOf([...usual(), condition]));
  const recent = createRecentDecisions({ isReadable: (name) => name.startsWith('x-cf-arg-'), ...options });
  for (let i = 0; i < count; i++) recent.add(await decide(question(headers), ctx));
  return recent;
}

describe('recent decisions', () => {
  it('are found by id, listed from the newest, and bounded in number', async () => {
    const recent = await filled(12, { maxRecords: 5 });
    assert.equal(recent.size().records, 5);
    assert.deepEqual(recent.list(3).map(({ id }) => id), ['d12', 'd11', 'd10']); // prettier-ignore
    assert.equal(recent.find('d7'), undefined);
    const { outcome, upstream, consumer, token, policy, path } = recent.find('d8') ?? assert.fail();
    assert.deepEqual(
      { outcome, upstream, consumer, token, policy, path },
      { outcome: 'allow', upstream: 'api', consumer: 'team', token: 'tok_team', policy: 'c', path: '/api/v1/chat' },
    );
  });

  it('are bounded in bytes, whatever clients send', async () => {
    const long = 'x'.repeat(7_000);
    const recent = await filled(300, { maxBytes: 50_000 }, { 'x-cf-raw-uri': `/api/${long}`, 'x-forwarded-for': long });
    const { records, bytes } = recent.size();
    assert.ok(bytes <= 50_000 && records > 10 && records < 45, JSON.stringify({ records, bytes }));
    assert.equal(recent.list(1)[0]?.path.length, 1_024);
    assert.equal(recent.list(1)[0]?.headers['x-forwarded-for']?.length, 128);
  });

  it('hold neither query nor token nor gateway key', async () => {
    const recent = await filled(1, {}, { 'x-cf-raw-uri': '/api/v1/chat?q=private', 'x-cf-arg-user': 'u' }, 'request.model == "a"'); // prettier-ignore
    const text = JSON.stringify(recent.list(10));
    for (const word of ['private', 'cf_team', 'gateway-key']) assert.ok(!text.includes(word), word);
    assert.deepEqual(recent.list(1)[0]?.headers, { 'x-cf-arg-user': 'u' });
  });

  it('keep what conditions read where there are conditions, and address and model always', async () => {
    const headers = { 'x-cf-arg-model': 'm', 'x-cf-arg-user': 'u', 'x-forwarded-for': '192.0.2.1' };
    const address = { 'x-forwarded-for': '192.0.2.1', 'x-cf-arg-model': 'm' };
    assert.deepEqual((await filled(1, {}, headers)).list(1)[0]?.headers, address);
    assert.deepEqual((await filled(1, {}, headers, 'true')).list(1)[0]?.headers, { ...address, 'x-cf-arg-user': 'u' });
  });

  it('keep of another issuer’s token what policies ask for, and no other claim', async () => {
    const key = await signingKey();
    const issuer = inline([key.jwk], { groups: ['${roles}'] });
    const { ctx } = await issuing([issuer]);
    const recent = createRecentDecisions({ isReadable: () => false });
    const many = Array.from({ length: 51 }, (_, i) => `g${String(i)}`);
    for (const roles of [['search', 'ops'], many]) {
      const token = await sign(key, { roles, scope: 'chat', email: 'jane@example.test' });
      recent.add(await decide(question({ authorization: `Bearer ${token}` }), ctx));
      assert.ok(!JSON.stringify(recent.list(1)).includes(token));
    }
    recent.add(await decide(question(), ctx));
    const [own, tooMany, usualOne] = recent.list(3).map(({ issued }) => issued);
    assert.equal(own, undefined);
    assert.deepEqual([tooMany?.issuer, tooMany?.groups], ['corp', undefined]);
    assert.deepEqual([usualOne?.issuer, usualOne?.groups, usualOne?.scopes], ['corp', ['search', 'ops'], ['chat']]);
    assert.ok(!JSON.stringify(recent.list(3)).includes('jane@'));
  });
});
