import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '../../sidecar/core/error.ts';
import { parseResourceFiles, parseResources } from '../../sidecar/resources/parse.ts';
import type { Declaration } from '../../sidecar/resources/parse.ts';
import { resourcesTemplate } from '../../sidecar/resources/template.ts';
import { deps } from './support/deps.ts';

const file = '/etc/cf/resources.yaml';
const hash = (digit: string): string => digit.repeat(64);

function parse(text: string): readonly Declaration[] {
  const { mutations, problems } = parseResources(text, file, deps);
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  return mutations;
}

function problemsOf(text: string, severity: Problem['severity'] = 'error'): readonly Problem[] {
  const { mutations, problems } = parseResources(text, file, deps);
  if (severity === 'error') assert.deepEqual(mutations, []);
  return problems.filter((problem) => problem.severity === severity);
}

/** One error, at `path`, line and column of it. */
function refuses(
  name: string,
  text: string,
  path: string | undefined,
  at: readonly [number, number],
  message: RegExp,
): void {
  test(`refuses ${name}`, () => {
    const problems = problemsOf(text);
    assert.deepEqual(
      problems.map((problem) => [problem.path, problem.line, problem.column, problem.file]),
      [[path, at[0], at[1], file]],
    );
    assert.match(problems[0]?.message ?? '', message);
  });
}

const full = `
gateways:
  - id: edge
    keys:
      - { sha256: "${hash('A')}", expires_at: 2027-01-01T00:00:00Z }
    upstreams: ["*"]
    addresses: [10.0.0.0/8, "::1"]
upstreams:
  - id: openai
    preset: openai
  - id: llama
    preset: generic
    base_url: https://llama.example/v2/
    prefix: /models/llama
    routes: [r-1, 7]
    encoded_slashes: allow
    passthrough: [X-Api-Key]
    steering_headers: [X-Tenant]
    token_slots: [{ header: X-Llama-Key }]
    injection: { kind: header, name: x-llama-key }
    identity_header: true
    max_stale: 15s
credentials:
  - id: openai-main
    upstream: openai
    secret: { from: env, name: OPENAI_API_KEY }
    headers: { OpenAI-Project: proj_123 }
consumers:
  - id: team-search
    owner: search@example.com
    groups: [search]
    labels: { cost_centre: "4711" }
policies:
  - id: search-may-chat
    effect: allow
    groups: [search]
    upstreams: [openai]
    methods: [post]
    paths: ["/v1/chat/completions", "/v1/**"]
    expires_at: 2028-01-01T00:00:00+02:00
tokens:
  - consumer: team-search
    sha256: "${hash('b')}"
    expires_at: 2027-06-30T00:00:00Z
    not_before: 2026-06-30T00:00:00Z
    description: nightly job
`;

test('reads every kind into its fully defaulted spec', () => {
  const owner = 'file:resources.yaml';
  assert.deepEqual(parse(full), [
    {
      op: 'put',
      kind: 'gateway',
      id: 'edge',
      owner,
      spec: {
        keys: [{ sha256: hash('a'), created_at: '1970-01-01T00:00:00Z', expires_at: '2027-01-01T00:00:00Z' }],
        retired_keys: [],
        upstreams: ['*'],
        addresses: ['10.0.0.0/8', '::1'],
      },
    },
    {
      op: 'put',
      kind: 'upstream',
      id: 'openai',
      owner,
      spec: {
        preset: 'openai',
        base_url: 'https://api.openai.com',
        prefix: '/openai',
        routes: ['openai'],
        encoded_slashes: 'refuse',
        passthrough: [],
        steering_headers: [],
        identity_header: false,
        max_stale_ms: 60_000,
      },
    },
    {
      op: 'put',
      kind: 'upstream',
      id: 'llama',
      owner,
      spec: {
        preset: 'generic',
        base_url: 'https://llama.example/v2',
        prefix: '/models/llama',
        routes: ['r-1', '7'],
        encoded_slashes: 'allow',
        passthrough: ['x-api-key'],
        // Its own slot is emptied like the common ones, or the client's token would go upstream.
        steering_headers: ['x-tenant', 'x-llama-key'],
        token_slots: [{ header: 'x-llama-key' }],
        injection: { kind: 'header', name: 'x-llama-key' },
        identity_header: true,
        max_stale_ms: 15_000,
      },
    },
    {
      op: 'put',
      kind: 'credential',
      id: 'openai-main',
      owner,
      spec: {
        upstream: 'openai',
        secret: { from: 'env', name: 'OPENAI_API_KEY' },
        headers: { 'openai-project': 'proj_123' },
      },
    },
    {
      op: 'put',
      kind: 'consumer',
      id: 'team-search',
      owner,
      spec: { owner: 'search@example.com', groups: ['search'], labels: { cost_centre: '4711' } },
    },
    {
      op: 'put',
      kind: 'policy',
      id: 'search-may-chat',
      owner,
      spec: {
        effect: 'allow',
        consumers: [],
        groups: ['search'],
        labels: {},
        upstreams: ['openai'],
        methods: ['POST'],
        paths: ['/v1/chat/completions', '/v1/**'],
        expires_at: '2028-01-01T00:00:00+02:00',
      },
    },
    {
      op: 'put_token',
      token: {
        id: `tok_${'b'.repeat(24)}`,
        sha256: hash('b'),
        consumer: 'team-search',
        owner,
        description: 'nightly job',
        notBeforeMs: Date.UTC(2026, 5, 30),
        expiresAtMs: Date.UTC(2027, 5, 30),
        rotatedFrom: undefined,
      },
    },
  ]);
});

test('accepts the template of init', () => {
  assert.equal(parse(resourcesTemplate()).length, 4);
  const { problems } = parseResources(resourcesTemplate(), file, deps, { complete: true });
  assert.deepEqual(problems, []);
});

test('takes an empty file, one of comments and empty sections for zero resources', () => {
  for (const text of ['', '# nothing\n', '---\n', 'upstreams:\nconsumers: []\n']) assert.deepEqual(parse(text), []);
});

test('reads several documents of one file, and JSON', () => {
  const text = 'consumers: [{ id: a, owner: o }]\n---\nconsumers: [{ id: b, owner: o }]\n';
  assert.equal(parse(text).length, 2);
  assert.equal(parse('{"consumers": [{"id": "a", "owner": "o"}]}').length, 1);
});

test('follows anchors', () => {
  const text = 'consumers:\n  - { id: a, owner: o, groups: &g [x, y] }\n  - { id: b, owner: o, groups: *g }\n';
  const [, second] = parse(text);
  assert.ok(second?.op === 'put' && 'groups' in second.spec);
  assert.deepEqual(second.spec.groups, ['x', 'y']);
});

test('refuses an alias bomb quickly', () => {
  const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
  const started = process.hrtime.bigint();
  const problems = problemsOf(`l0: &l0 [x]\n${levels.join('\n')}\n`);
  assert.match(problems[0]?.message ?? '', /aliases/);
  assert.ok(process.hrtime.bigint() - started < 5_000_000_000n);
});

test('survives nesting without end', () => {
  assert.ok(problemsOf('['.repeat(200_000)).length > 0);
});

test('reports all problems at once, each with its place', () => {
  const text = `upstreams:
  - id: Bad Id
    preset: opnai
    max_stale: 30
  - id: b
    preset: opnai
consumer:
  - id: c
consumers:
  - id: c
    owner: o
    lables: {}
    labels: { cost_centre: 4711 }
policies:
  - id: p
    effect: perhaps
    upstreams: []
    paths: [v1, /a/../b]
`;
  assert.deepEqual(
    problemsOf(text).map(({ path, line, column, message, fix }) => [path, line, column, message, fix]),
    [
      [
        'upstreams[0].id',
        2,
        9,
        'must be 1 to 63 of a-z, 0-9, ".", "_", "-", and start with a letter or digit',
        undefined,
      ],
      [
        'upstreams[0].max_stale',
        4,
        16,
        'must be a duration with a unit (ms, s, m, h, d) up to 1d, such as 60s',
        undefined,
      ],
      ['upstreams[1].preset', 6, 13, 'is not a known preset', 'did you mean openai? known are generic, ollama, openai'],
      ['consumer', 7, 1, 'is not a known key', 'did you mean consumers?'],
      ['consumers[0].labels.cost_centre', 13, 28, 'must be text: put it in quotes', undefined],
      ['consumers[0].lables', 12, 5, 'is not a known key', 'did you mean labels?'],
      ['policies[0].effect', 16, 13, 'must be one of allow, deny', undefined],
      ['policies[0].upstreams', 17, 16, 'must not be empty: leave it out for all', undefined],
      ['policies[0].paths[0]', 18, 13, 'must start with "/"', undefined],
      ['policies[0].paths[1]', 18, 17, 'must have no "." or ".." segment', undefined],
    ],
  );
});

refuses('a list where a map belongs', '- a\n', undefined, [1, 1], /must be a map/);
refuses('a map where a list belongs', 'upstreams:\n  id: a\n', 'upstreams', [2, 3], /must be a list/);
refuses('a key written twice', 'consumers: []\nconsumers: []\n', undefined, [2, 1], /unique/);
refuses('an unknown tag', 'consumers: !x []\n', undefined, [1, 12], /unresolved tag/);

const upstream = (lines: string): string => `upstreams:\n  - id: a\n    preset: openai\n    ${lines}\n`;
refuses(
  'a base URL without host',
  upstream('base_url: api.openai.com'),
  'upstreams[0].base_url',
  [4, 15],
  /absolute http/,
);
refuses(
  'a base URL with a password',
  upstream('base_url: https://u:p@a'),
  'upstreams[0].base_url',
  [4, 15],
  /no password/,
);
refuses('a base URL with a query', upstream('base_url: https://a/?x=1'), 'upstreams[0].base_url', [4, 15], /no query/);
refuses(
  'a base URL with dot segments',
  upstream('base_url: https://a/x/../y'),
  'upstreams[0].base_url',
  [4, 15],
  /normal form/,
);
refuses('a prefix that ends with a slash', upstream('prefix: /a/'), 'upstreams[0].prefix', [4, 13], /must not end/);
refuses('a prefix with dot segments', upstream('prefix: /a/../b'), 'upstreams[0].prefix', [4, 13], /normal form/);
refuses('no route at all', upstream('routes: []'), 'upstreams[0].routes', [4, 13], /must not be empty/);
refuses(
  'a header name with a space',
  upstream('steering_headers: ["a b"]'),
  'upstreams[0].steering_headers[0]',
  [4, 24],
  /header name/,
);
for (const name of ['Host', 'content-length', 'X-Forwarded-For', 'X-CF-Route', 'cfcredential']) {
  refuses(
    `to claim ${name}`,
    upstream(`steering_headers: [${name}]`),
    'upstreams[0].steering_headers[0]',
    [4, 24],
    /belongs to/,
  );
}
refuses(
  'to pass a token slot through',
  upstream('passthrough: [Authorization]'),
  'upstreams[0].passthrough[0]',
  [4, 19],
  /token slot/,
);
refuses(
  'to pass the injected header through',
  upstream('passthrough: [x-real]\n    injection: { kind: header, name: X-Real }'),
  'upstreams[0].passthrough[0]',
  [4, 19],
  /secret goes into/,
);
refuses(
  'to pass a method override through',
  upstream('passthrough: [x-http-method-override]'),
  'upstreams[0].passthrough[0]',
  [4, 19],
  /another method/,
);
refuses(
  'an injection that its family refuses',
  upstream('injection: { kind: magic }'),
  'upstreams[0].injection',
  [4, 16],
  /not known/,
);
refuses('to be stale for longer than a day', upstream('max_stale: 2d'), 'upstreams[0].max_stale', [4, 16], /up to 1d/);
refuses(
  'an upstream without base URL where the preset has none',
  'upstreams:\n  - id: a\n    preset: generic\n',
  'upstreams[0].base_url',
  [2, 5],
  /is missing: the preset generic/,
);

test('serves nothing stale with max_stale 0', () => {
  const [mutation] = parse(upstream('max_stale: 0'));
  assert.ok(mutation?.op === 'put' && 'max_stale_ms' in mutation.spec);
  assert.equal(mutation.spec.max_stale_ms, 0);
});

const credential = (lines: string): string => `credentials:\n  - id: a\n    upstream: openai\n    ${lines}\n`;
refuses('a secret in clear', credential('secret: hunter2hunter2'), 'credentials[0].secret', [4, 13], /reference/);
refuses(
  'a reference that its manager refuses',
  credential('secret: { from: moon, name: X }'),
  'credentials[0].secret',
  [4, 13],
  /not known/,
);
refuses(
  'a pinned token slot',
  credential('headers: { Authorization: x }'),
  'credentials[0].headers.authorization',
  [4, 14],
  /token slot/,
);
refuses(
  'a line break in a pinned header',
  credential('headers: { x-a: "a\\nb" }'),
  'credentials[0].headers.x-a',
  [4, 21],
  /cannot carry/,
);

const policy = (lines: string): string =>
  `policies:\n  - id: a\n    effect: allow\n    consumers: ["*"]\n    upstreams: ["*"]\n    ${lines}\n`;
refuses('"**" twice', policy('paths: [/a/**/b/**]'), 'policies[0].paths[0]', [6, 13], /at most once/);
refuses('"**" inside a segment', policy('paths: [/a**]'), 'policies[0].paths[0]', [6, 13], /whole segment/);
refuses('an empty segment', policy('paths: [/a//b]'), 'policies[0].paths[0]', [6, 13], /empty segment/);
refuses('an encoded path', policy('paths: [/a%20b]'), 'policies[0].paths[0]', [6, 13], /decoded/);
refuses('a query in a path', policy('paths: [/a?b]'), 'policies[0].paths[0]', [6, 13], /no path has them/);
refuses(
  'an empty list of paths, which would mean all',
  policy('paths: []'),
  'policies[0].paths',
  [6, 12],
  /leave it out/,
);
refuses('an empty list of methods', policy('methods: []'), 'policies[0].methods', [6, 14], /leave it out/);
refuses('a date without time', policy('expires_at: 2027-01-01'), 'policies[0].expires_at', [6, 17], /RFC 3339/);
refuses(
  'a policy for nobody',
  'policies:\n  - id: a\n    effect: deny\n    upstreams: ["*"]\n',
  'policies[0]',
  [2, 5],
  /names nobody/,
);

test('accepts the globs that paths can match', () => {
  parse(policy('paths: [/, /v1/models/*, "/v1/models/*:generateContent", "/**/admin", "/a b/ü/"]'));
});

refuses(
  'a third key of a gateway',
  `gateways:\n  - id: a\n    upstreams: ["*"]\n    keys:\n${['a', 'b', 'c'].map((d) => `      - sha256: "${hash(d)}"\n`).join('')}`,
  'gateways[0].keys',
  [5, 7],
  /at most 2/,
);
refuses(
  'an address that is none',
  `gateways:\n  - id: a\n    upstreams: ["*"]\n    keys: [{ sha256: "${hash('a')}" }]\n    addresses: [10.0.0.0/33]\n`,
  'gateways[0].addresses[0]',
  [5, 17],
  /CIDR/,
);
refuses(
  'a retired key of a gateway',
  `gateways:\n  - id: a\n    upstreams: ["*"]\n    keys: [{ sha256: "${hash('a')}" }]\n    retired_keys: ["${hash('a')}"]\n`,
  'gateways[0].keys[0].sha256',
  [4, 22],
  /retired/,
);

const token = (lines: string): string => `tokens:\n  - consumer: a\n    sha256: "${hash('a')}"\n    ${lines}\n`;
refuses(
  'a token without expiry',
  `tokens:\n  - consumer: a\n    sha256: "${hash('a')}"\n`,
  'tokens[0].expires_at',
  [2, 5],
  /is missing/,
);
refuses(
  'a token that ends before it begins',
  token('expires_at: 2027-01-01T00:00:00Z\n    not_before: 2028-01-01T00:00:00Z'),
  'tokens[0].not_before',
  [5, 17],
  /before expires_at/,
);
refuses(
  'a hash that is none',
  'tokens:\n  - { consumer: a, sha256: abc, expires_at: 2027-01-01T00:00:00Z }\n',
  'tokens[0].sha256',
  [2, 28],
  /64 hex/,
);

test('refuses names that are used twice, and says where first', () => {
  const text = `upstreams:
  - { id: a, preset: openai }
  - { id: a, preset: openai, routes: [x] }
  - { id: b, preset: openai, routes: [y, x] }
tokens:
  - { consumer: c, sha256: "${hash('a')}", expires_at: 2027-01-01T00:00:00Z }
  - { consumer: c, sha256: "${hash('a')}", expires_at: 2027-01-01T00:00:00Z }
  - { id: tok_x, consumer: c, sha256: "${hash('b')}", expires_at: 2027-01-01T00:00:00Z }
  - { id: tok_x, consumer: c, sha256: "${hash('c')}", expires_at: 2027-01-01T00:00:00Z }
`;
  assert.deepEqual(
    problemsOf(text).map(({ path, line, message, fix }) => [path, line, message, fix]),
    [
      ['upstreams[1].id', 3, 'is the id of two upstream resources', `first in ${file}, line 2`],
      ['upstreams[2].routes[1]', 4, 'is a route of two upstreams: a route belongs to one', `first in ${file}, line 3`],
      ['tokens[1].sha256', 7, 'is the hash of two tokens', `first in ${file}, line 6`],
      ['tokens[3].id', 9, 'is the id of two tokens', `first in ${file}, line 8`],
    ],
  );
});

const ownToken = `cf_k1_${'Ab1'.repeat(15)}`;
const providerKey = `sk-proj-${'Zz9'.repeat(10)}`;
for (const [name, text] of [
  ['our own token in a description', token(`expires_at: 2027-01-01T00:00:00Z\n    description: ${ownToken}`)],
  ['our own token in place of an id', `consumers:\n  - { id: ${ownToken}, owner: o }\n`],
  ["a provider's key in a header", credential(`headers: { openai-project: ${providerKey} }`)],
  ["a provider's key in place of a reference", credential(`secret: ${providerKey}`)],
  ["a provider's key in a reference", credential(`secret: { from: env, name: ${providerKey} }`)],
  ["a provider's key as a key", credential(`headers: { ${providerKey}: x }`)],
  ["a provider's key behind Bearer", credential(`headers: { openai-project: "Bearer ${providerKey}" }`)],
  ["a provider's key in an unknown section", `keys: [${providerKey}]\n`],
] as const) {
  test(`refuses ${name}, and never repeats it`, () => {
    const problems = problemsOf(text);
    assert.ok(problems.some(({ message, line }) => /in clear/.test(message) && (line ?? 0) > 0));
    assert.doesNotMatch(JSON.stringify(problems), /Ab1|Zz9/);
  });
}

test('takes neither a sealed value nor the name of a team for a key', () => {
  parse(credential(`secret: { from: sealed, value: "v1.sk-AAAAAAAAAAAAAAAAAAAAAAAA" }`));
  parse('consumers:\n  - { id: sk-search-services, owner: o, groups: [sk-search-services] }\n');
});

const loose = `
gateways:
  - { id: g, upstreams: [nowhere], keys: [{ sha256: "${hash('a')}" }] }
credentials:
  - { id: c, upstream: nowhere, secret: { from: env, name: X } }
policies:
  - { id: p, effect: allow, consumers: [nobody], groups: [none], upstreams: [nowhere] }
tokens:
  - { consumer: nobody, sha256: "${hash('b')}", expires_at: 2027-01-01T00:00:00Z }
`;
const loosePaths = [
  'gateways[0].upstreams[0]',
  'credentials[0].upstream',
  'policies[0].upstreams[0]',
  'policies[0].consumers[0]',
  'policies[0].groups[0]',
  'tokens[0].consumer',
];

test('warns of references that other sources may satisfy', () => {
  assert.deepEqual(
    problemsOf(loose, 'warning').map(({ path }) => path),
    loosePaths,
  );
  assert.equal(parse(loose).length, 4);
});

test('refuses references that lead nowhere when the documents are complete', () => {
  const { mutations, problems } = parseResources(loose, file, deps, { complete: true });
  assert.deepEqual(mutations, []);
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error').map(({ path }) => path),
    loosePaths,
  );
});

test('lets files refer to each other, each owning its own part', () => {
  const files = [
    { file: '/a/upstreams.yaml', text: 'upstreams: [{ id: openai, preset: ollama }]\n' },
    { file: '/b/credentials.yaml', text: 'credentials: [{ id: c, upstream: openai }]\n' },
  ];
  const { mutations, problems } = parseResourceFiles(files, deps, { complete: true });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    mutations.map((mutation) => (mutation.op === 'put' ? mutation.owner : '')),
    ['file:upstreams.yaml', 'file:credentials.yaml'],
  );
});

test('warns of a consumer without owner, a missing secret, plain HTTP and a pinned header that clients can set', () => {
  const text = `upstreams:
  - { id: openai, preset: openai, base_url: http://api.example }
consumers:
  - { id: c }
credentials:
  - { id: main, upstream: openai, headers: { x-other: y } }
`;
  assert.deepEqual(
    problemsOf(text, 'warning').map(({ path, line }) => [path, line]),
    [
      ['upstreams[0].base_url', 2],
      ['consumers[0].owner', 4],
      ['credentials[0].secret', 6],
      ['credentials[0].headers.x-other', 6],
    ],
  );
});

test('refuses a credential that pins what the upstream injects or passes through', () => {
  const text = `upstreams:
  - { id: a, preset: openai, injection: { kind: header, name: x-k }, passthrough: [x-p] }
credentials:
  - { id: b, upstream: a, secret: { from: env, name: X }, headers: { x-k: "1", x-p: "1" } }
`;
  assert.deepEqual(
    problemsOf(text).map(({ path }) => path),
    ['credentials[0].headers.x-k', 'credentials[0].headers.x-p'],
  );
});

test('bounds the number of problems and keeps the errors', () => {
  const consumers = Array.from({ length: 2_000 }, (_, i) => `  - { id: c${i} }\n`).join('');
  const { problems } = parseResources(`consumers:\n${consumers}policies: 1\n`, file, deps);
  assert.equal(problems.length, 500);
  assert.equal(problems[0]?.path, 'policies');
  assert.match(problems[499]?.message ?? '', /and 1502 more/);
});
