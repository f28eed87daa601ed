import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { differencesOf } from '../../../sidecar/gateway/sync/compare-routes.ts';
import type { RouteDocument } from '../../../sidecar/gateway/sync/compare-routes.ts';
import { pluginDefaults, routeDefaults, upstreamDefaults } from '../../../sidecar/gateway/sync/gateway-defaults.ts';
import { planRoutes } from '../../../sidecar/gateway/sync/plan.ts';

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}
const schemas = JSON.parse(readFileSync(new URL('../apisix-3.18-schemas.json', import.meta.url), 'utf8')) as {
  readonly plugins: Readonly<Record<string, Schema>>;
  readonly route: Schema;
};

/** An empty list is `{}` in what Lua writes. */
const defaultsOf = ({ properties = {} }: Schema): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(properties).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, JSON.stringify(value) === '{}' ? [] : value]],
    ),
  );

describe('the defaults', () => {
  for (const [name, schema] of Object.entries(schemas.plugins)) {
    it(`of ${name} are those of the gateway's schema`, () => {
      assert.deepEqual({ ...pluginDefaults[name] }, defaultsOf(schema));
    });
  }
  it('of a route and of its upstream, too', () => {
    assert.deepEqual({ ...routeDefaults }, defaultsOf(schemas.route));
    assert.deepEqual({ ...upstreamDefaults }, defaultsOf(schemas.route.properties?.['upstream'] ?? {}));
  });
});

const route: RouteDocument = {
  id: 'a',
  uri: '/a/*',
  labels: { 'managed-by': 'credentialflow' },
  plugins: { 'forward-auth': { uri: 'http://127.0.0.1:9280/api/auth', request_headers: ['authorization'] } },
  upstream: { type: 'roundrobin', nodes: [{ host: 'h', port: 443, weight: 1 }] },
};
const auth = (more: RouteDocument): RouteDocument => ({
  ...route,
  plugins: { 'forward-auth': { ...(route['plugins'] as Record<string, RouteDocument>)['forward-auth'], ...more } },
});

describe('a stored route', () => {
  it('is the same with what the gateway fills in and stamps', () => {
    const stored = {
      ...auth({ timeout: 3000, client_headers: {}, keepalive: true }),
      status: 1,
      priority: 0,
      create_time: 1,
      update_time: 2,
    };
    assert.deepEqual(differencesOf(route, stored), []);
  });
  for (const [name, stored, at] of [
    ['a value that somebody changed', auth({ allow_degradation: true }), 'plugins.forward-auth.allow_degradation'],
    ['a switched-off plugin', auth({ _meta: { disable: true } }), 'plugins.forward-auth._meta'],
    ['a header less', auth({ request_headers: [] }), 'plugins.forward-auth.request_headers'],
    [
      'another plugin',
      { ...route, plugins: { ...(route['plugins'] as RouteDocument), 'proxy-mirror': {} } },
      'plugins.proxy-mirror',
    ],
    ['a disabled route', { ...route, status: 0 }, 'status'],
    ['a plugin_config_id', { ...route, plugin_config_id: '1' }, 'plugin_config_id'],
    ['another node', { ...route, upstream: { nodes: [{ host: 'evil', port: 443, weight: 1 }] } }, 'upstream.nodes'],
  ] as const) {
    it(`differs by ${name}`, () => {
      assert.deepEqual(differencesOf(route, stored), [at]);
    });
  }
});

describe('a plan', () => {
  it('warns of a foreign route that has the path of one of ours', () => {
    const { warnings, steps } = planRoutes([route], [{ id: 'old', uris: ['/b/*', '/a/*'] }]);
    assert.match(warnings.join(), /route old.*has the path of a/);
    assert.deepEqual(
      steps.map(({ action, id }) => `${action} ${id}`),
      ['add a'],
    );
  });
  it('adds and changes before it removes', () => {
    const ours = { labels: { 'managed-by': 'credentialflow' } };
    const { steps, inStep } = planRoutes(
      [route, { ...route, id: 'b' }, { ...route, id: 'c' }],
      [{ ...ours, id: 'z' }, { ...route, id: 'b', uri: '/x' }, { ...route, id: 'c' }, { id: 'foreign' }],
    );
    assert.deepEqual(
      steps.map(({ action, id }) => `${action} ${id}`),
      ['add a', 'change b', 'remove z'],
    );
    assert.deepEqual(inStep, ['c']);
  });
});
