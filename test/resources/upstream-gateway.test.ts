import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResources } from '../../sidecar/resources/parse.ts';
import { resourceDeps } from '../../sidecar/resource-deps.ts';

const refuses = (name: string, fields: string, path: string, message: RegExp): void => {
  test(`refuses ${name}`, () => {
    const text = `upstreams:\n  - { id: a, preset: generic, base_url: 'https://a.example/v2', ${fields} }\n`;
    const { problems, mutations } = parseResources(text, 'r.yaml', resourceDeps);
    assert.deepEqual(mutations, []);
    assert.deepEqual(
      problems.map((problem) => problem.path),
      [`upstreams[0].${path}`],
    );
    assert.match(problems[0]?.message ?? '', message);
  });
};

const moved = 'injection: { kind: header, name: cfsecret }, prefix: /v2';

refuses('an unknown wish', 'gateway: { cors: true }', 'gateway.cors', /not a known key/);
refuses('a host that is none', 'gateway: { hosts: [a/b] }', 'gateway.hosts[0]', /host name/);
refuses('a limit without an identity', 'gateway: { limit: { count: 1, window: 1s } }', 'gateway.limit', /cfconsumer/);
refuses(
  'a limit of half a second',
  'identity_header: true, gateway: { limit: { count: 1, window: 500ms } }',
  'gateway.limit.window',
  /whole seconds/,
);
refuses(
  'a secret in the query that is a Bearer token',
  'prefix: /v2, gateway: { secret_in_query: key }',
  'gateway.secret_in_query',
  /nothing but the secret/,
);
refuses(
  'a secret in the query beside a rewrite',
  'injection: { kind: header, name: cfsecret }, gateway: { secret_in_query: key }',
  'gateway.secret_in_query',
  /without a rewrite/,
);
refuses(
  'a secret in the query beside encoded slashes',
  `${moved}, encoded_slashes: allow, gateway: { secret_in_query: key }`,
  'gateway.secret_in_query',
  /encoded slashes/,
);
refuses(
  'a parameter that Lua would read otherwise',
  `${moved}, gateway: { secret_in_query: 'k"]' }`,
  'gateway.secret_in_query',
  /query parameter/,
);

refuses(
  'ai-proxy beside encoded slashes',
  'encoded_slashes: allow, gateway: { ai_proxy: { provider: openai } }',
  'gateway.ai_proxy',
  /another path than is judged/,
);
refuses(
  'ai-proxy with a secret in the query',
  `${moved}, gateway: { secret_in_query: key, ai_proxy: { by_hand: true } }`,
  'gateway.ai_proxy',
  /query of its own/,
);
refuses(
  'a provider that signs requests itself',
  'gateway: { ai_proxy: { provider: bedrock } }',
  'gateway.ai_proxy.provider',
  /openai-compatible/,
);
for (const path of ['/v1/*', 'v1/chat', '/v1//chat', '/v1/chat/', '/v1/../chat', '/v1/%63hat', '/v1/chat?a=1']) {
  refuses(
    `the path ${path} of ai-proxy`,
    `gateway: { ai_proxy: { provider: openai, path: '${path}' } }`,
    'gateway.ai_proxy.path',
    /must be one path/,
  );
}
refuses('ai-proxy without a provider', 'gateway: { ai_proxy: {} }', 'gateway.ai_proxy.provider', /missing/);
refuses(
  'a wish for what is made by hand',
  'gateway: { ai_proxy: { by_hand: true, provider: openai } }',
  'gateway.ai_proxy',
  /nothing else/,
);
refuses(
  'a message of Anthropic to another provider',
  'gateway: { ai_proxy: { provider: openai, path: /v1/messages } }',
  'gateway.ai_proxy.path',
  /write such a request anew/,
);
for (const fields of [
  'prefix: /claude, gateway: { ai_proxy: { provider: anthropic, path: /messages } }',
  'prefix: /v2, gateway: { ai_proxy: { provider: openai, path: /responses } }',
]) {
  refuses(
    `a path by which ai-proxy would count nothing: ${fields}`,
    fields,
    'gateway.ai_proxy.path',
    /count no tokens/,
  );
}
refuses(
  'a message of Anthropic to another provider that prefix and path make up together',
  'prefix: /v1, gateway: { ai_proxy: { provider: openai, path: /messages } }',
  'gateway.ai_proxy.path',
  /write such a request anew/,
);
test('takes a path that ends as ai-proxy looks for it, with the prefix before it', () => {
  for (const wish of [
    'prefix: /claude/v1, gateway: { ai_proxy: { provider: anthropic, path: /messages } }',
    'prefix: /claude, gateway: { ai_proxy: { provider: anthropic, path: /v1/chat/completions } }',
    'prefix: /, gateway: { ai_proxy: { provider: openai, path: /v1/responses } }',
  ]) {
    const text = `upstreams: [{ id: a, preset: generic, base_url: 'https://a.example', ${wish} }]`;
    assert.deepEqual(parseResources(text, 'r.yaml', resourceDeps).problems, []);
  }
});

test('takes a secret in the query on a route without a rewrite', () => {
  const text = `upstreams: [{ id: a, preset: generic, base_url: 'https://a.example/v2', ${moved}, gateway: { secret_in_query: key } }]`;
  assert.deepEqual(parseResources(text, 'r.yaml', resourceDeps).problems, []);
});
