import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { startAdmin, type AnswerBody, type RunningAdmin } from './start-admin.ts';

const upstream = { preset: 'test', base_url: 'https://api.example.test' };

describe('resources over the admin API', () => {
  let admin: RunningAdmin;
  beforeEach(async () => {
    admin = await startAdmin();
  });
  afterEach(() => admin.close());

  it('creates, shows, changes and deletes one of each kind', async () => {
    const bodies: Readonly<Record<string, unknown>> = {
      upstreams: upstream,
      credentials: { upstream: 'x1', secret: { from: 'env', name: 'SOME_KEY' } },
      consumers: { owner: 'search@example.com', groups: ['search'] },
      policies: { effect: 'allow', groups: ['search'], upstreams: ['x1'] },
      gateways: { keys: [{ sha256: 'a'.repeat(64) }], upstreams: ['*'] },
    };
    for (const [collection, body] of Object.entries(bodies)) {
      const created = await admin.call('PUT', `/${collection}/x1`, body);
      assert.equal(created.status, 201, created.text);
      assert.equal(created.body.id, 'x1');
      assert.equal(created.body.owner, 'api');
      assert.equal(created.headers.get('etag'), `"${created.body.revision}"`);

      const shown = await admin.call('GET', `/${collection}/x1`);
      assert.deepEqual(shown.body.spec, created.body.spec);
      const again = await admin.call('PUT', `/${collection}/x1`, shown.body.spec);
      assert.equal(again.status, 200, again.text);
      assert.deepEqual(again.body.spec, shown.body.spec, 'what was shown is taken back');
    }
    for (const collection of Object.keys(bodies).reverse()) {
      const gone = await admin.call('DELETE', `/${collection}/x1`);
      assert.equal(gone.status, 200, gone.text);
      assert.equal((await admin.call('GET', `/${collection}/x1`)).status, 404);
    }
  });

  it('says what is wrong with a resource, and stores nothing of it', async () => {
    const answer = await admin.call('PUT', '/upstreams/x1', { ...upstream, prefx: '/x', max_stale: 5 });
    assert.equal(answer.status, 422);
    assert.equal(answer.body.code, 'resource_invalid');
    const paths = answer.body.errors.map(({ path }) => path);
    assert.ok(paths.includes('prefx') && paths.includes('max_stale'), answer.text);
    assert.equal((await admin.call('GET', '/upstreams/x1')).status, 404);
  });

  it('refuses a body that names another id, is no object, or is not JSON', async () => {
    assert.equal((await admin.call('PUT', '/consumers/a', { id: 'b' })).status, 400);
    assert.equal((await admin.call('PUT', '/consumers/a', [])).status, 400);
    const broken = await admin.call('PUT', '/consumers/a', '{"labels": {"k": "sk-very-secret"');
    assert.equal(broken.status, 400);
    assert.ok(!broken.text.includes('sk-very-secret'));
    const plain = await admin.call('PUT', '/consumers/a', '{}', { 'content-type': 'text/plain' });
    assert.equal(plain.status, 400, 'a form of another page could send that');
    assert.ok(!admin.logged.join('').includes('sk-very-secret'));
  });

  it('refuses a body over its bound', async () => {
    const answer = await admin.call('PUT', '/consumers/a', { owner: 'x'.repeat(1_100_000) });
    assert.equal(answer.status, 413);
    assert.equal(answer.body.code, 'payload_too_large');
  });

  it('refuses a credential of an upstream that does not exist', async () => {
    const answer = await admin.call('PUT', '/credentials/c', { upstream: 'nowhere' });
    assert.equal(answer.status, 422);
    assert.equal(answer.body.errors[0]?.path, 'upstream');
  });

  it('refuses a budget that would count nothing, and takes it when an upstream counts', async () => {
    const budget = { llm_tokens: 1000, window: '1d', upstreams: ['metered'] };
    const preset = { preset: 'test' };
    assert.equal((await admin.call('PUT', '/upstreams/metered', preset)).status, 201);
    const refused = await admin.call('PUT', '/limits/budget', budget);
    assert.deepEqual([refused.status, refused.body.errors[0]?.path], [422, 'llm_tokens']);
    assert.match(refused.text, /ai-proxy routes only, and has none for metered/);
    assert.equal(await admin.store.getResource('limit', 'budget'), undefined);
    const gateway = { ai_proxy: { provider: 'openai' } };
    assert.equal((await admin.call('PUT', '/upstreams/metered', { ...preset, gateway })).status, 200);
    assert.equal((await admin.call('PUT', '/limits/budget', budget)).status, 201);
    const cost = await admin.call('PUT', '/limits/money', { cost: 1.5, window: '1d', upstreams: ['metered'] });
    assert.deepEqual([cost.status, cost.body.errors[0]?.path], [422, 'cost']);
  });

  it('keeps an upstream that a budget relies on: neither its ai_proxy, nor its prices, nor itself go first', async () => {
    const gateway = { ai_proxy: { provider: 'openai' } };
    const prices = [{ model: '*', input: 1, output: 2 }];
    const whole = { preset: 'test', gateway, prices };
    const put = (id: string, body: object) => admin.call('PUT', `/upstreams/${id}`, body);
    await put('relied-on', whole);
    await admin.call('PUT', '/limits/money-of-it', { cost: 1.5, window: '1d', upstreams: ['relied-on'] });
    const before = (await admin.call('GET', '/upstreams/relied-on')).body;
    for (const answer of [
      await put('relied-on', { preset: 'test' }),
      await put('relied-on', { preset: 'test', gateway }),
      await admin.call('DELETE', '/upstreams/relied-on'),
    ]) {
      assert.deepEqual([answer.status, answer.body.code, answer.body.errors.length], [409, 'resource_in_use', 1]);
      assert.match(answer.text, /the limit money-of-it would count nothing any more/);
      assert.match(answer.text, /change or delete the limit money-of-it first/);
    }
    assert.deepEqual((await admin.call('GET', '/upstreams/relied-on')).body, before, 'nothing has changed');
    // What else of it may change, and it may go once another one counts, or the limit is gone.
    assert.equal(
      (await put('relied-on', { ...whole, prices: [{ model: 'gpt-5*', input: 1, output: 2 }] })).status,
      200,
    );
    await put('beside', whole);
    const both = { cost: 1.5, window: '1d', upstreams: ['relied-on', 'beside'] };
    assert.equal((await admin.call('PUT', '/limits/money-of-it', both)).status, 200);
    const told = await put('relied-on', { preset: 'test', gateway });
    assert.equal(told.status, 200);
    assert.match(told.text, /"warnings":.*the limit money-of-it counts nothing at relied-on: no prices/);
    assert.equal((await admin.call('DELETE', '/upstreams/relied-on')).status, 200);
    assert.equal((await admin.call('DELETE', '/upstreams/beside')).status, 409);
    assert.equal((await admin.call('DELETE', '/limits/money-of-it')).status, 200);
    assert.equal((await admin.call('DELETE', '/upstreams/beside')).status, 200);
  });

  it('changes only what the caller has seen, when he says so', async () => {
    const first = await admin.call('PUT', '/consumers/a', { groups: ['one'] }, { 'if-none-match': '*' });
    assert.equal(first.status, 201);
    const twice = await admin.call('PUT', '/consumers/a', { groups: ['one'] }, { 'if-none-match': '*' });
    assert.equal(twice.status, 409);
    assert.equal(twice.body.code, 'resource_exists');

    const seen = first.headers.get('etag') ?? '';
    const second = await admin.call('PUT', '/consumers/a', { groups: ['two'] }, { 'if-match': seen });
    assert.equal(second.status, 200);
    const stale = await admin.call('PUT', '/consumers/a', { groups: ['three'] }, { 'if-match': seen });
    assert.equal(stale.status, 409);
    assert.equal(stale.body.code, 'revision_conflict');
    assert.deepEqual((await admin.call('GET', '/consumers/a')).body.spec.groups, ['two']);
    assert.equal((await admin.call('DELETE', '/consumers/a', undefined, { 'if-match': seen })).status, 409);
    assert.equal((await admin.call('PUT', '/consumers/b', {}, { 'if-match': '*' })).status, 409);
    assert.equal((await admin.call('PUT', '/consumers/a', {}, { 'if-match': 'W/"1"' })).status, 400);
  });

  it('pages through a list', async () => {
    for (const id of ['a', 'b', 'c']) await admin.call('PUT', `/consumers/${id}`, {});
    const first = await admin.call('GET', '/consumers?limit=2');
    assert.deepEqual(ids(first.body), ['a', 'b']);
    const second = await admin.call('GET', `/consumers?limit=2&after=${first.body.next ?? ''}`);
    assert.deepEqual(ids(second.body), ['c']);
    assert.equal(second.body.next, null);
    for (const bad of ['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'offset=2']) {
      assert.equal((await admin.call('GET', `/consumers?${bad}`)).status, 400, bad);
    }
  });

  it('disables and enables, whoever owns it', async () => {
    await admin.call('POST', '/apply?source=team.yaml', 'consumers: [{id: a, owner: me}]');
    const off = await admin.call('POST', '/consumers/a/disable');
    assert.equal(off.status, 200, off.text);
    assert.equal(off.body.disabled, true);
    assert.equal((await admin.call('POST', '/consumers/a/enable')).body.disabled, false);
    assert.equal((await admin.call('POST', '/consumers/nobody/disable')).status, 404);
    const edit = await admin.call('PUT', '/consumers/a', { groups: ['x'] });
    assert.equal(edit.status, 409);
    assert.equal(edit.body.code, 'resource_owned_by_file');
    assert.match(edit.body.detail, /file:team\.yaml/);
  });

  it('takes no id from another place than the path', async () => {
    for (const path of ['/consumers/%ZZ', '/consumers/a%2Fb', '/consumers/__proto__', '/consumers/A%20b']) {
      const answer = await admin.call('PUT', path, {});
      assert.ok(answer.status >= 400 && answer.status < 500, `${path} ${answer.status}`);
    }
  });

  it('records who changed what, under the id of the request', async () => {
    const answer = await admin.call('PUT', '/consumers/a', {});
    const { items } = (await admin.call('GET', '/audit')).body;
    const [row] = items;
    assert.equal(row?.['actor'], 'admin');
    assert.equal(row['id'], 'a');
    assert.equal(row['kind'], 'consumer');
    assert.equal(row['request_id'], answer.headers.get('x-request-id'));
  });

  it('shows a fault without its words', async () => {
    const store = { ...admin.store, getResource: () => Promise.reject(new Error('SELECT secret FROM somewhere')) };
    const broken = await startAdmin({}, { store });
    const answer = await broken.call('GET', '/consumers/a');
    assert.equal(answer.status, 500);
    assert.equal(answer.body.code, 'internal');
    assert.ok(!answer.text.includes('SELECT'));
    assert.ok(broken.logged.some((line) => line.includes(answer.headers.get('x-request-id') ?? 'none')));
    await broken.close();
  });
});

it('refuses every change where a file is the only authority, and reads on', async () => {
  const admin = await startAdmin({ readOnly: true });
  for (const [method, path, body] of [
    ['PUT', '/consumers/a', {}],
    ['DELETE', '/consumers/a', undefined],
    ['POST', '/consumers/a/disable', undefined],
    ['PUT', '/credentials/a/secret', { secret: 'x' }],
    ['POST', '/tokens', { consumer: 'a' }],
    ['POST', '/tokens/a/revoke', undefined],
    ['POST', '/tokens/a/rotate', {}],
    ['POST', '/gateways/a/rotate', {}],
    ['POST', '/apply', 'consumers: [{id: a}]'],
  ] as const) {
    const answer = await admin.call(method, path, body);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.body.code, 'read_only');
  }
  assert.equal((await admin.call('GET', '/consumers')).status, 200);
  assert.equal((await admin.call('POST', '/apply?dry_run=true', 'consumers: [{id: a, owner: b}]')).status, 200);
  await admin.close();
});

function ids(body: AnswerBody): readonly string[] {
  return body.items.map(({ id }) => id);
}
