/** schemas/openapi.json describes every operation of the admin API, and what it answers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readOpenApi } from '../../../sidecar/compose/package-files.ts';
import { createRoutes } from '../../../sidecar/http/admin-server.ts';
import type { AdminDeps } from '../../../sidecar/http/admin/ports.ts';
import { startAdmin, type RunningAdmin } from './start-admin.ts';

interface Described {
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, unknown>> }>>;
  readonly operationId: string;
}

const document = JSON.parse(readOpenApi()) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
};
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(document, 'openapi');

/** What of an answer is not as the document says. */
function faultsOf(method: string, path: string, status: number, answer: unknown): unknown {
  const responses = document.paths[path]?.[method]?.responses ?? {};
  const known = status < 300 ? String(status) : 'default';
  const type = known === 'default' ? 'application~1problem+json' : 'application~1json';
  assert.ok(known in responses, `${method} ${path} answers ${status}, which is not described`);
  const pointer = `/paths/${path.replaceAll('/', '~1')}/${method}/responses/${known}/content/${type}/schema`;
  const validate = ajv.compile({ $ref: `openapi#${encodeURI(pointer)}` });
  return validate(answer) ? undefined : validate.errors;
}

it('has every operation that the admin API has, and no other', () => {
  const deps = { store: { durable: true } } as AdminDeps;
  const router = createRoutes({ tokens: { defaultTtlMs: 1, maxTtlMs: 1 } }, deps);
  const served = router.stack.flatMap(({ route }) => {
    if (route === undefined) return [];
    // The handlers of `all` have none.
    const methods: ReadonlySet<string | undefined> = new Set(route.stack.map(({ method }) => method));
    return [...methods]
      .filter((method) => method !== undefined)
      .map((method) => `${method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`);
  });
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  assert.ok(served.length > 60, String(served.length));
  assert.deepEqual(described.sort(), served.sort());
});

it('names each operation once', () => {
  const names = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  assert.equal(new Set(names).size, names.length);
});

describe('what the admin API answers', () => {
  let admin: RunningAdmin;
  before(async () => {
    admin = await startAdmin();
  });
  after(() => admin.close());

  it('is as the document says', async () => {
    const calls: readonly (readonly [method: string, path: string, described: string, body?: unknown])[] = [
      ['put', '/consumers/team', '/consumers/{id}', { owner: 'team@example.com', groups: ['g'] }],
      ['put', '/consumers/team', '/consumers/{id}', {}],
      ['get', '/consumers/team', '/consumers/{id}'],
      ['get', '/consumers', '/consumers'],
      ['post', '/consumers/team/disable', '/consumers/{id}/disable'],
      ['put', '/upstreams/api', '/upstreams/{id}', { preset: 'test', base_url: 'https://api.example.test' }],
      ['put', '/credentials/main/secret', '/credentials/{id}/secret', { secret: 'sk-x', upstream: 'api' }],
      ['put', '/credentials/main', '/credentials/{id}', { upstream: 'nowhere', secret: { from: 'env', name: 'A' } }],
      ['post', '/tokens', '/tokens', { consumer: 'team', ttl: '1h' }],
      ['post', '/tokens', '/tokens', { consumer: 'nobody' }],
      ['get', '/tokens', '/tokens'],
      ['get', '/audit', '/audit'],
      ['get', '/export', '/export'],
      ['post', '/apply', '/apply', 'consumers: [{ id: other }]'],
      ['get', '/openapi.json', '/openapi.json'],
      ['delete', '/consumers/other', '/consumers/{id}'],
      ['delete', '/consumers/other', '/consumers/{id}'],
    ];
    const statuses: number[] = [];
    for (const [method, path, described, body] of calls) {
      const { status, body: answer, text } = await admin.call(method.toUpperCase(), path, body);
      statuses.push(status);
      assert.deepEqual(faultsOf(method, described, status, answer), undefined, `${method} ${path}: ${text}`);
    }
    assert.deepEqual(statuses, [201, 200, 200, 200, 200, 201, 201, 422, 201, 422, 200, 200, 200, 200, 200, 200, 404]);
    const [issued] = (await admin.call('GET', '/tokens')).body.items;
    const rotated = await admin.call('POST', `/tokens/${issued?.id ?? ''}/rotate`, { overlap: '1h' });
    assert.deepEqual(faultsOf('post', '/tokens/{id}/rotate', rotated.status, rotated.body), undefined, rotated.text);
  });

  it('is shown to holders of the admin key only', async () => {
    const response = await fetch(`http://127.0.0.1:${admin.port}/api/v1/openapi.json`);
    assert.equal(response.status, 401);
    assert.equal((await admin.call('GET', '/openapi.json')).text, readOpenApi());
  });
});
