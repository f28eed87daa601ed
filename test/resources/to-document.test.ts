import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceRecord, TokenRecord } from '../../sidecar/core/resources.ts';
import { parseResourceBody, toResourceBody } from '../../sidecar/resources/parse-body.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';
import { toDocument } from '../../sidecar/resources/to-document.ts';
import { deps } from './support/deps.ts';

const hash = (digit: string): string => digit.repeat(64);

const about = { owner: 'api', disabled: false, revision: 3, createdAtMs: 1, updatedAtMs: 2 } as const;
const records: readonly ResourceRecord[] = [
  {
    ...about,
    kind: 'gateway',
    id: 'edge',
    spec: {
      keys: [
        { sha256: hash('a'), created_at: '2026-01-01T00:00:00Z', expires_at: '2027-01-01T00:00:00Z' },
        { sha256: hash('b'), created_at: '1970-01-01T00:00:00Z' },
      ],
      retired_keys: [hash('c')],
      upstreams: ['*'],
      addresses: ['10.0.0.0/8'],
    },
  },
  {
    ...about,
    kind: 'upstream',
    id: 'llama',
    spec: {
      preset: 'generic',
      base_url: 'https://llama.example/v2',
      prefix: '/',
      routes: ['7', 'r'],
      encoded_slashes: 'allow',
      passthrough: ['x-api-key'],
      steering_headers: ['x-tenant', 'x-llama-key'],
      token_slots: [{ header: 'x-llama-key' }, { header: 'authorization', scheme: 'Bearer' }],
      injection: { kind: 'header', name: 'x-llama-key', nested: { note: 'a\n\nb: "c"\n', empty: '' } },
      identity_header: true,
      max_stale_ms: 0,
      gateway: { hosts: ['*.example.com'], browsers: true, limit: { count: 5, window_s: 90 } },
    },
  },
  {
    ...about,
    kind: 'upstream',
    id: 'plain',
    disabled: true,
    spec: {
      preset: 'openai',
      base_url: 'https://api.openai.com',
      prefix: '/plain',
      routes: ['plain'],
      encoded_slashes: 'refuse',
      passthrough: [],
      steering_headers: [],
      identity_header: false,
      max_stale_ms: 90_000,
    },
  },
  {
    ...about,
    kind: 'credential',
    id: 'main',
    spec: { upstream: 'plain', secret: { from: 'env', name: 'X' }, headers: { 'openai-project': 'yes: "no" # 1' } },
  },
  {
    ...about,
    kind: 'consumer',
    id: '007',
    spec: { owner: 'null', groups: ['true', '1e3'], labels: { cost_centre: '4711', tilde: '~', empty: '' } },
  },
  {
    ...about,
    kind: 'policy',
    id: 'p',
    spec: {
      effect: 'deny',
      consumers: ['*'],
      groups: ['true'],
      labels: { a: 'b' },
      upstreams: ['*', 'plain'],
      methods: ['POST'],
      paths: ['/**/admin', '/a b/*'],
      expires_at: '2028-01-01T00:00:00Z',
    },
  },
];

const token = (id: string, digit: string, more: Partial<TokenRecord> = {}): TokenRecord => ({
  id,
  sha256: hash(digit),
  consumer: '007',
  owner: 'api',
  description: undefined,
  notBeforeMs: 0,
  expiresAtMs: 1_800_000_000_123,
  createdAtMs: 1,
  revision: 1,
  ...more,
});
const tokens = [
  token('tok_named', 'd', { description: 'it: is', notBeforeMs: 1_700_000_000_000 }),
  token(`tok_${'e'.repeat(24)}`, 'e'),
  token('tok_gone', 'f', { revokedAtMs: 5 }),
];

test('writes a document that reads back as the same resources and live tokens', () => {
  const text = toDocument(records, tokens);
  const { mutations, problems } = parseResources(text, 'export.yaml', deps);
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  const specs = mutations.flatMap((mutation) =>
    mutation.op === 'put' ? [[mutation.kind, mutation.id, mutation.spec]] : [],
  );
  assert.deepEqual(
    specs,
    records.map(({ kind, id, spec }) => [kind, id, spec]),
  );
  const read = mutations.flatMap((mutation) => (mutation.op === 'put_token' ? [mutation.token] : []));
  assert.deepEqual(
    read.map(({ owner: _, rotatedFrom: __, ...rest }) => rest),
    tokens.slice(0, 2).map(({ id, sha256, consumer, description, notBeforeMs, expiresAtMs }) => {
      return { id, sha256, consumer, description, notBeforeMs, expiresAtMs };
    }),
  );
});

test('leaves revoked tokens out and marks what is disabled', () => {
  const text = toDocument(records, tokens);
  assert.ok(!text.includes(hash('f')));
  assert.match(text, /# disabled through the API\n {2}- id: plain\n/);
});

test('writes nothing for nothing', () => {
  assert.equal(toDocument([]), '');
});

test('reads a body of the admin API as the file would', () => {
  for (const { kind, id, spec } of records) {
    const body = JSON.parse(JSON.stringify(toResourceBody(kind, id, spec))) as unknown;
    const parsed = parseResourceBody(kind, body, deps);
    assert.ok(parsed.ok);
    assert.deepEqual([parsed.id, parsed.spec], [id, spec]);
  }
});

test('gives the problems of a body with JSON paths, and warnings beside a valid one', () => {
  const parsed = parseResourceBody(
    'policy',
    { id: 'p', effect: 'allow', upstreams: ['*'], paths: ['x'], pats: 1 },
    deps,
  );
  assert.deepEqual(parsed, {
    ok: false,
    problems: [
      { severity: 'error', path: 'paths[0]', message: 'must start with "/"' },
      { severity: 'error', path: 'pats', message: 'is not a known key', fix: 'did you mean paths?' },
    ],
  });
  const consumer = parseResourceBody('consumer', { id: 'c' }, deps);
  assert.ok(consumer.ok);
  assert.deepEqual(
    consumer.problems.map(({ severity, path }) => [severity, path]),
    [['warning', 'owner']],
  );
});

test('refuses secrets in a body, and bodies that are no map', () => {
  const key = `sk-proj-${'Zz9'.repeat(10)}`;
  const parsed = parseResourceBody('credential', { id: 'c', upstream: 'u', secret: { from: 'env', name: key } }, deps);
  assert.ok(!parsed.ok);
  assert.doesNotMatch(JSON.stringify(parsed), /Zz9/);
  for (const body of [null, 'x', [], 1]) assert.equal(parseResourceBody('consumer', body, deps).ok, false);
});
