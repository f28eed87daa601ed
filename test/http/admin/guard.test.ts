import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { adminKey, startAdmin, type RunningAdmin } from './start-admin.ts';

describe('the door of the admin API', () => {
  let admin: RunningAdmin;
  before(async () => {
    admin = await startAdmin();
  });
  after(() => admin.close());

  for (const [name, authorization] of Object.entries({
    none: undefined,
    'a wrong key': 'Bearer wrong-key-wrong-key-wrong-key-wrong-key',
    'an empty key': 'Bearer ',
    'another scheme': `Basic ${adminKey}`,
    'the key and more': `Bearer ${adminKey}x`,
    'two keys': `Bearer ${adminKey}, Bearer ${adminKey}`,
  })) {
    it(`refuses ${name}`, async () => {
      const answer = await raw({ ...(authorization === undefined ? {} : { authorization }) });
      assert.equal(answer.status, 401);
      assert.match(answer.head['content-type'] ?? '', /^application\/problem\+json/);
      assert.match(answer.head['www-authenticate'] ?? '', /^Bearer/);
      const body = JSON.parse(answer.body) as Record<string, unknown>;
      assert.equal(body['code'], 'unauthorized');
      assert.equal(body['status'], 401);
      assert.equal(body['type'], 'urn:credentialflow:error:unauthorized');
      assert.ok(typeof body['fix'] === 'string' && typeof body['title'] === 'string');
      assert.ok(!answer.body.includes(adminKey));
    });
  }

  it('takes the scheme in any case', async () => {
    assert.equal((await raw({ authorization: `bearer ${adminKey}` })).status, 200);
  });

  it('judges the key before it reads a body', async () => {
    const answer = await raw(
      { 'content-type': 'application/json' },
      { method: 'POST', path: '/api/v1/tokens', body: '{' },
    );
    assert.equal(answer.status, 401);
  });

  it('says nothing of which paths exist to a stranger', async () => {
    assert.equal((await raw({}, { path: '/api/v1/nothing' })).status, 401);
    assert.equal((await raw({}, { path: '/' })).status, 401);
  });

  it('refuses a host that is not the loopback (DNS rebinding)', async () => {
    const authorization = `Bearer ${adminKey}`;
    assert.equal((await raw({ authorization, host: 'evil.example' })).status, 400);
    assert.equal((await raw({ authorization, host: `127.0.0.1.evil.example:${admin.port}` })).status, 400);
    assert.equal((await raw({ authorization, host: `localhost:${admin.port}` })).status, 200);
    assert.equal((await raw({ authorization, host: `[::1]:${admin.port}` })).status, 200);
  });

  it('refuses pages of another origin and lets its own be', async () => {
    const authorization = `Bearer ${adminKey}`;
    const host = `127.0.0.1:${admin.port}`;
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1', `http://${host}.evil.example`]) {
      assert.equal((await raw({ authorization, host, origin })).status, 400, origin);
    }
    assert.equal((await raw({ authorization, host, origin: `http://${host}` })).status, 200);
  });

  it('lets nothing be kept, framed or guessed, and names each request', async () => {
    const { headers } = await admin.call('GET', '/status');
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-powered-by'), null);
    assert.equal(headers.get('access-control-allow-origin'), null);
    assert.match(headers.get('x-request-id') ?? '', /^adm_/);
  });

  it('logs refused callers at most once a second, with their number and without what they sent', async () => {
    admin.clock.advance(5_000);
    await raw({});
    admin.clock.advance(1_000);
    admin.logged.length = 0;
    for (let i = 0; i < 5; i++) await raw({ authorization: 'Bearer guessed-key' });
    admin.clock.advance(1_000);
    await raw({ authorization: 'Bearer guessed-key' });
    const lines = admin.logged.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ event, attempts }) => [event, attempts]),
      [
        ['admin_unauthorized', 1],
        ['admin_unauthorized', 5],
      ],
    );
    assert.ok(!admin.logged.join('').includes('guessed-key'));
  });

  it('names other methods than a path has', async () => {
    const answer = await admin.call('DELETE', '/status');
    assert.equal(answer.status, 405);
    assert.equal(answer.body.code, 'method_not_allowed');
    assert.equal(answer.headers.get('allow'), 'GET, HEAD');
    assert.equal((await admin.call('OPTIONS', '/consumers/a')).status, 405);
    assert.equal((await admin.call('GET', '/nothing')).status, 404);
  });

  it('reports requests by pattern, never by what the caller wrote', async () => {
    admin.observed.length = 0;
    await admin.call('GET', '/consumers/somebody');
    await admin.call('GET', '/what-is-this');
    assert.deepEqual(admin.observed, [
      { route: '/consumers/:id', status: 404 },
      { route: 'none', status: 404 },
    ]);
  });

  function raw(
    headers: Readonly<Record<string, string>>,
    more: { readonly method?: string; readonly path?: string; readonly body?: string } = {},
  ): Promise<{ status: number; head: Record<string, string | undefined>; body: string }> {
    const { method = 'GET', path = '/api/v1/status', body } = more;
    return new Promise((resolve, reject) => {
      const asking = request({ host: '127.0.0.1', port: admin.port, method, path, headers }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => (text += chunk));
        res.on('end', () =>
          resolve({ status: res.statusCode ?? 0, head: res.headers as Record<string, string>, body: text }),
        );
      });
      asking.on('error', reject);
      asking.end(body);
    });
  }
});
