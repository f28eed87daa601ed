import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CredentialFlowError } from '../../../sidecar/core/error.ts';
import { startAdmin, type RunningAdmin } from './start-admin.ts';

const secret = 'sk-live-0123456789-never-to-be-seen';
const document = `
upstreams: [{id: api, preset: test, base_url: "https://api.example.test"}]
consumers: [{id: team, owner: me}]
`;

describe('secrets and documents over the admin API', () => {
  let admin: RunningAdmin;
  beforeEach(async () => {
    admin = await startAdmin();
    await admin.call('POST', '/apply', document);
  });
  afterEach(() => admin.close());

  it('seals a secret for its credential and shows it nowhere', async () => {
    await admin.call('PUT', '/credentials/main', { upstream: 'api', headers: { 'test-project': 'p' } });
    const answer = await admin.call('PUT', '/credentials/main/secret', { secret });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.spec.secret?.from, 'sealed');
    assert.deepEqual(answer.body.spec.headers, { 'test-project': 'p' }, 'the rest stays as it was');
    const other = await admin.call('PUT', '/credentials/other/secret', { secret, upstream: 'api' });
    assert.notEqual(other.body.spec.secret?.value, answer.body.spec.secret.value, 'sealed for the resource');
    const everything = [
      answer.text,
      (await admin.call('GET', '/export')).text,
      (await admin.call('GET', '/audit')).text,
      admin.logged.join(''),
    ];
    assert.ok(!everything.join('').includes(secret));
  });

  it('creates a credential only when its upstream is named', async () => {
    const refused = await admin.call('PUT', '/credentials/new/secret', { secret });
    assert.equal(refused.status, 404);
    assert.equal((await admin.call('GET', '/credentials/new')).status, 404);
    assert.equal((await admin.call('PUT', '/credentials/new/secret', { secret, upstream: 'nope' })).status, 422);
    assert.equal((await admin.call('PUT', '/credentials/new/secret', { secret, upstream: 'api' })).status, 201);
  });

  it('refuses what no header may carry, without repeating it', async () => {
    for (const bad of [`${secret}\nx: y`, `${secret}\u0000`, `${secret}☃`, ` ${secret}`, `${secret}\n`]) {
      const answer = await admin.call('PUT', '/credentials/new/secret', { secret: bad, upstream: 'api' });
      assert.equal(answer.status, 422, JSON.stringify(bad));
      assert.equal(answer.body.code, 'secret_invalid');
      assert.ok(!answer.text.includes(secret));
    }
    assert.equal((await admin.call('PUT', '/credentials/new/secret', { secret: '', upstream: 'api' })).status, 400);
    assert.equal((await admin.call('PUT', '/credentials/new/secret', { secret: 5, upstream: 'api' })).status, 400);
    assert.ok(!admin.logged.join('').includes(secret));
  });

  it('applies a document, says what it did, and does it once', async () => {
    const dry = await admin.call('POST', '/apply?dry_run=true', document.replace('owner: me', 'owner: you'));
    assert.equal(dry.status, 200, dry.text);
    assert.equal(dry.body.updated, 1);
    assert.equal(dry.body.dry_run, true);
    assert.equal((await admin.call('GET', '/consumers/team')).body.spec.owner, 'me');
    const again = await admin.call('POST', '/apply', document);
    assert.equal(again.body.unchanged, 2);
    assert.equal(again.body.created + again.body.updated + again.body.deleted, 0);
    const json = await admin.call('POST', '/apply', JSON.stringify({ consumers: [{ id: 'other', owner: 'me' }] }));
    assert.equal(json.body.created, 1);
  });

  it('prunes what a source declared before, and only with a source', async () => {
    const many = Array.from({ length: 10 }, (_, i) => `{id: c${i}, owner: me}`);
    await admin.call('POST', '/apply?source=s', `consumers: [${many.join(', ')}]`);
    const small = `consumers: [{id: c0, owner: me}]`;
    assert.equal((await admin.call('POST', '/apply?prune=true', small)).status, 400);
    const refused = await admin.call('POST', '/apply?source=s&prune=true', small);
    assert.equal(refused.status, 409);
    assert.equal(refused.body.code, 'prune_refused');
    const pruned = await admin.call('POST', '/apply?source=s&prune=true&allow_prune=true', small);
    assert.equal(pruned.body.deleted, 9, pruned.text);
    assert.equal((await admin.call('GET', '/consumers/team')).status, 200, 'what others own stays');
    assert.equal((await admin.call('POST', '/apply?source=../x', small)).status, 400);
  });

  it('says every problem of a document with its place', async () => {
    const answer = await admin.call('POST', '/apply', 'consumers:\n  - id: a\n    gruops: [x]\nupstream: []\n');
    assert.equal(answer.status, 422);
    const { errors } = answer.body;
    const lines = errors.filter(({ severity }) => severity === 'error').map(({ line }) => line);
    assert.deepEqual(lines, [3, 4]);
    assert.equal((await admin.call('POST', '/apply', '')).status, 400);
  });

  it('exports what apply takes back', async () => {
    const yaml = await admin.call('GET', '/export', undefined, { accept: 'application/yaml' });
    assert.match(yaml.headers.get('content-type') ?? '', /^application\/yaml/);
    const json = await admin.call('GET', '/export');
    assert.equal(json.body.document, yaml.text);
    assert.equal((await admin.call('POST', '/apply', yaml.text)).body.unchanged, 2);
  });

  it('shows state, and the key that others seal with', async () => {
    assert.deepEqual((await admin.call('GET', '/status')).body, { ready: true });
    assert.equal((await admin.call('GET', '/sealing-key')).body.public_key, 'not-secret');
  });

  it('never sends the words of a fault', async () => {
    const broken = await startAdmin(
      {},
      { status: () => Promise.reject(new CredentialFlowError('store_failed', 'disk /dev/sda1 died')) },
    );
    const answer = await broken.call('GET', '/status');
    assert.equal(answer.status, 503);
    assert.equal(answer.body.code, 'store_failed');
    assert.ok(!answer.text.includes('sda1'));
    await broken.close();
  });
});
