import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { standalone } from '../../../sidecar/gateway/render/formats/standalone.ts';
import { answeredHeaders } from '../../../sidecar/gateway/render/plugins/forward-auth.ts';
import { fileWiring } from '../../../sidecar/gateway/render/wiring.ts';
import { presets } from '../../../sidecar/presets/index.ts';
import { resourceDeps } from '../../../sidecar/resource-deps.ts';
import { layOutHeaders } from '../../../sidecar/snapshot/lay-out-headers.ts';
import { configurationOf, configured, elaborate, rendered, sourceOf } from './support.ts';

const shipped = (name: string): string =>
  readFileSync(new URL(`../../../apisix-conf/${name}`, import.meta.url), 'utf8');

interface Written {
  readonly id: string;
  readonly uri: string;
  readonly hosts?: readonly string[];
  readonly plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly upstream: {
    readonly scheme: string;
    readonly nodes: readonly { readonly host: string; readonly port: number }[];
  };
}

function routeOf(text: string, id: string): Written {
  const { routes } = parse(text) as { readonly routes: readonly Written[] };
  return routes.find((route) => route.id === id) ?? assert.fail(id);
}

describe('the shipped apisix-conf', () => {
  it('has the apisix.yaml that render makes of its resources', () => {
    assert.equal(shipped('apisix.yaml'), rendered(shipped('resources.yaml'), standalone));
  });
  it('has the config.yaml that render says it needs', () => {
    assert.equal(shipped('config.yaml'), standalone.configuration());
  });
  it('has an upstream of each preset', () => {
    const used = sourceOf(shipped('resources.yaml')).upstreams.map(({ spec }) => spec.preset);
    assert.deepEqual([...new Set(used)].sort(), [...presets.keys()].sort());
  });
});

describe('apisix.yaml', () => {
  const text = rendered(elaborate, standalone);
  const model = routeOf(text, '7');

  it('is the same text for the same resources', () => {
    assert.equal(rendered(elaborate, standalone), text);
    assert.match(text, /\n#END\n$/);
    assert.doesNotMatch(text, /[&*]a\d/, 'no anchors');
  });
  it('changes a route alone where a resource changes', () => {
    const lines = text.split('\n');
    const other = rendered(elaborate.replace('count: 600', 'count: 601'), standalone).split('\n');
    assert.equal(other.length, lines.length);
    assert.deepEqual(
      other.filter((line, i) => line !== lines[i]).map((line) => line.trim()),
      ['count: 601'],
    );
  });
  it('takes the first of the upstream’s routes, and its own prefix, hosts and address', () => {
    assert.equal(model.uri, '/models/my.model_1/*');
    assert.deepEqual(model.hosts, ['*.example.com']);
    assert.equal(model.upstream.scheme, 'http');
    assert.deepEqual(model.upstream.nodes, [{ host: 'llama.internal', port: 8080, weight: 1 }]);
  });
  it('strips the prefix as text, adds the path of base_url, and keeps encoded slashes where they are allowed', () => {
    assert.deepEqual(model.plugins['proxy-rewrite'], {
      regex_uri: ['^/models/my\\.model_1/(.*)', '/v2/$1'],
      use_real_request_uri_unsafe: true,
    });
  });
  it('rewrites nothing where prefix and path are the same', () => {
    const maps = routeOf(text, 'maps');
    assert.equal(maps.uri, '/*');
    assert.equal(maps.plugins['proxy-rewrite'], undefined);
  });
  it('answers browsers only where a resource asks for it', () => {
    assert.ok(model.plugins['cors']);
    assert.equal(routeOf(text, 'openai').plugins['cors'], undefined);
  });
  it('counts by the header that no client can write', () => {
    const { key, key_type, count, time_window, policy } = model.plugins['limit-count'] ?? {};
    assert.deepEqual([key, key_type, count, time_window, policy], ['http_cfconsumer', 'var', 600, 60, 'local']);
    assert.equal(routeOf(text, 'openai').plugins['limit-count'], undefined);
  });
  it('logs the headers about limits that the API sends, by their names', () => {
    const { limits } = routeOf(text, 'openai').plugins['http-logger']?.['log_format'] as {
      readonly limits: Readonly<Record<string, string>>;
    };
    const { rateLimit } = presets.get('openai')?.responseHeaders ?? assert.fail();
    assert.deepEqual(Object.keys(limits), ['retry-after', ...rateLimit]);
    assert.equal(limits['x-ratelimit-reset-tokens'], '$upstream_http_x_ratelimit_reset_tokens');
  });
  it('moves the secret into the query, and takes it out of its header', () => {
    const { phase, functions } = routeOf(text, 'maps').plugins['serverless-post-function'] ?? {};
    assert.equal(phase, 'access');
    const [lua = ''] = functions as readonly string[];
    assert.match(lua, /set_header\(ctx, "cfsecret", nil\)/);
    assert.match(lua, /args\["key"\] = secret/);
    assert.match(lua, /get_uri_args\(0\)/);
  });
  it('asks about the upstream’s own slots, and not about a header that is the client’s own business', () => {
    assert.deepEqual(model.plugins['forward-auth']?.['request_headers'], [
      'authorization',
      'api-key',
      'x-goog-api-key',
      'x-llama-key',
      'traceparent',
    ]);
  });
  it('names the sidecar by its address, and checks its certificate over https', () => {
    const { routes } = configured(elaborate, fileWiring, 'https://cf.internal');
    const plugins = new Map(routes[0]?.plugins.map(({ name, config }) => [name, config]));
    assert.equal(plugins.get('forward-auth')?.['uri'], 'https://cf.internal/api/auth');
    assert.equal(plugins.get('forward-auth')?.['ssl_verify'], true);
    assert.equal(plugins.get('http-logger')?.['ssl_verify'], true);
    assert.deepEqual(routes.at(-1)?.node, {
      scheme: 'https',
      host: 'cf.internal',
      port: 443,
      timeout: { connect: 1, send: 2, read: 2 },
    });
  });
});

describe('upstream_headers', () => {
  for (const resources of [elaborate, shipped('resources.yaml')]) {
    const source = sourceOf(resources);
    for (const { id, spec } of source.upstreams) {
      it(`of ${id} names what an allow answers, no more and no less`, () => {
        const preset = presets.get(spec.preset) ?? assert.fail();
        const credentials = source.credentials.filter(({ upstream }) => upstream === id);
        const injected = resourceDeps.injectedHeaders(spec.injection ?? preset.injection);
        const answer = layOutHeaders({
          steering: [...preset.steeringHeaders, ...spec.steering_headers],
          passthrough: spec.passthrough,
          pinned: Object.assign({}, ...credentials.map(({ headers }) => headers)) as Record<string, string>,
          injected: injected.flatMap((name) => [name, 'secret']),
          versionId: 'cv_1',
        });
        const names = answer.filter((_, i) => i % 2 === 0);
        assert.deepEqual([...answeredHeaders({ spec, preset, credentials })].sort(), [...names].sort());
      });
    }
  }
});

describe('what no gateway could route', () => {
  const upstream = (more: string): string => `{ preset: generic, base_url: https://a.example, ${more} }`;
  for (const [name, resources, message] of [
    ['no upstream', 'consumers: [{ id: team }]', /no upstream/],
    ['one prefix twice', `upstreams: [${upstream('id: a, prefix: /x')}, ${upstream('id: b, prefix: /x')}]`, /a and b/],
    ['the token’s own route', `upstreams: [${upstream('id: a, routes: [credentialflow-token-self]')}]`, /token-self/],
    ['a wildcard in a prefix', `upstreams: [${upstream("id: a, prefix: '/x*y'")}]`, /prefix of upstream a/],
    ['a group in the path', `upstreams: [{ id: a, preset: generic, base_url: 'https://a.example/$1' }]`, /base_url/],
  ] as const) {
    it(`refuses ${name}`, () => {
      const built = configurationOf(resources, fileWiring);
      assert.ok('conflicts' in built);
      assert.match(built.conflicts.join('\n'), message);
    });
  }
  it('lets two upstreams have one prefix at different hosts', () => {
    const at = (id: string): string => upstream(`id: ${id}, prefix: /x, gateway: { hosts: [${id}.example] }`);
    assert.ok(!('conflicts' in configurationOf(`upstreams: [${at('a')}, ${at('b')}]`, fileWiring)));
  });
});
