import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startAdmin, type RunningAdmin } from './start-admin.ts';

describe('POST /explain', () => {
  let admin: RunningAdmin;
  before(async () => {
    admin = await startAdmin();
  });
  after(() => admin.close());
  const usual = { consumer: 'team', upstream: 'api', method: 'get', uri: '/api/v1' };

  it('hands the request on, in one form', async () => {
    const body = { ...usual, headers: { 'X-Tenant': 'a' }, address: '192.0.2.1', model: 'm', time: '2026-11-25T00:00:00Z' }; // prettier-ignore
    const answer = await admin.call('POST', '/explain', body);
    assert.equal(answer.status, 200, answer.text);
    const { method, headers, atMs } = JSON.parse(answer.text) as Record<string, unknown>;
    assert.deepEqual([method, atMs], ['GET', Date.parse('2026-11-25T00:00:00Z')]);
    assert.deepEqual(headers, { 'x-tenant': 'a', 'x-forwarded-for': '192.0.2.1', 'x-cf-arg-model': 'm' });
  });

  it('refuses what cannot be asked, and says where', async () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ ...usual, token: 'cf_x' }, 'consumer'],
      [{ ...usual, consumer: undefined }, 'consumer'],
      [{ ...usual, uri: 'api' }, 'uri'],
      [{ ...usual, headers: { cookie: 'a' } }, 'headers'],
      [{ ...usual, headers: 'a' }, 'headers'],
      [{ ...usual, time: 'now' }, 'time'],
      [{ decision: 'd_1', upstream: 'api' }, 'upstream'],
      [{ ...usual, upstream: undefined }, 'upstream'],
    ];
    for (const [body, path] of wrong) {
      const answer = await admin.call('POST', '/explain', body);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.body.errors[0]?.path, path);
    }
  });

  it('never shows a token, wherever it stands', async () => {
    const token = `cf_k1_${'a'.repeat(43)}`;
    for (const body of [
      { ...usual, consumer: undefined, token },
      { ...usual, uri: `/api/${token}` },
      { decision: token },
    ]) {
      const answer = await admin.call('POST', '/explain', body);
      assert.equal(answer.status, 200, answer.text);
      assert.ok(!answer.text.includes(token), answer.text);
    }
    assert.ok(!admin.logged.join('').includes(token));
  });

  it('lists decisions', async () => {
    assert.deepEqual(JSON.parse((await admin.call('GET', '/decisions?limit=7')).text), { items: [{ limit: 7 }] });
    assert.equal((await admin.call('GET', '/decisions?limit=0')).status, 400);
    assert.equal((await admin.call('DELETE', '/decisions')).status, 405);
  });
});
