import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { formatIds } from '../../../sidecar/cli/apisix-render.ts';
import { apisixRoute } from '../../../sidecar/gateway/render/formats/apisix-route.ts';
import { adc } from '../../../sidecar/gateway/render/formats/adc.ts';
import { adminApi } from '../../../sidecar/gateway/render/formats/admin-api.ts';
import { formats } from '../../../sidecar/gateway/render/formats/index.ts';
import { gatewayApi } from '../../../sidecar/gateway/render/formats/gateway-api.ts';
import { ingressV2 } from '../../../sidecar/gateway/render/formats/ingress-v2.ts';
import { objectName } from '../../../sidecar/gateway/render/formats/kubernetes.ts';
import { pluginsOf } from '../../../sidecar/gateway/render/gateway-configuration.ts';
import { boundByUpstream } from '../../../sidecar/gateway/render/wiring.ts';
import { manifestSchemas } from '../manifest-schemas.ts';
import { byAiProxy, configured, elaborate, formatOptions, rendered } from './support.ts';

const shipped = readFileSync(new URL('../../../apisix-conf/resources.yaml', import.meta.url), 'utf8');
/** Of APISIX 3.18.0: `GET /v1/schema` of its control API, only what is rendered. */
const schemas = JSON.parse(readFileSync(new URL('../apisix-3.18-schemas.json', import.meta.url), 'utf8')) as {
  readonly plugins: Readonly<Record<string, object>>;
  readonly route: object;
};
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });
const compiled = new Map<object, ValidateFunction>();

function assertValid(schema: object | undefined, value: unknown, what: string): void {
  assert.ok(schema, `${what} has no schema`);
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  assert.ok(validate(value), `${what}: ${ajv.errorsText(validate.errors)}`);
}

/** Upstreams at the edges of what resources may say. */
const atTheEdges = `
upstreams:
  - id: '${'long.'.repeat(12)}id'
    preset: generic
    base_url: https://A.Example.com:8443/v2/
    prefix: /a/b-c_d~e.f
    gateway: { hosts: [${Array.from({ length: 40 }, (_, i) => `Host-${i}.example.com`).join(', ')}] }
  - { id: at-an-address, preset: generic, base_url: 'http://192.0.2.7:8080' }
`;

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

const objectsOf = (text: string): readonly KubernetesObject[] =>
  parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);

describe('every form', () => {
  it('is offered by the command, in its order', () => {
    assert.deepEqual(
      formats.map(({ id }) => id),
      formatIds,
    );
  });
  for (const format of formats) {
    for (const [name, resources] of [
      ['of every wish', elaborate],
      ['of every preset', shipped],
      ['behind ai-proxy', byAiProxy],
    ] as const) {
      it(`${format.id} ${name} is the same text twice, valid for the gateway, and holds no key`, () => {
        const { routes } = configured(resources, format.wiring);
        for (const route of routes) {
          const written = apisixRoute(route);
          assertValid(schemas.route, written, route.id);
          for (const { name: plugin, config } of route.plugins)
            assertValid(schemas.plugins[plugin], config, `${route.id} ${plugin}`);
        }
        const text = rendered(resources, format);
        assert.equal(rendered(resources, format), text);
        assert.match(text, /CREDENTIALFLOW_GATEWAY_KEY/);
      });
    }
    if (format.id === 'standalone') continue;
    it(`${format.id} refers to the keys by whole values that are resolved at run time`, () => {
      const text = rendered(shipped, format);
      assert.doesNotMatch(text, /\$\{\{|Bearer \$/);
      for (const [, value] of text.matchAll(/"?(?:X-CF-Gateway-Key|auth_header)"?: "?([^\s",]+)/g)) {
        assert.match(value ?? '', /^\$env:\/\/CREDENTIALFLOW_(GATEWAY|LOG)_KEY$/);
      }
    });
  }
});

describe('admin-api', () => {
  const script = rendered(elaborate, adminApi);

  it('is a script of the shell that checks every route before it writes one', () => {
    execFileSync('sh', ['-n'], { input: script });
    const sent = [...script.matchAll(/^route_\d \| send (\w+) (\S+)$/gm)].map(
      ([, method, path]) => `${method ?? ''} ${path ?? ''}`,
    );
    const checks = sent.filter((line) => line === 'POST /schema/validate/routes').length;
    assert.equal(checks, 4);
    assert.deepEqual(sent.slice(checks), [
      'PUT /routes/maps',
      'PUT /routes/7',
      'PUT /routes/openai',
      'PUT /routes/credentialflow-token-self',
    ]);
  });
  it('holds each route as JSON that carries our label', () => {
    const routes = [...script.matchAll(/<<'JSON'\n([\s\S]*?)\nJSON\n/g)].map(
      ([, text = '']) => JSON.parse(text) as { readonly labels: unknown },
    );
    assert.equal(routes.length, 4);
    for (const { labels } of routes) assert.deepEqual(labels, { 'managed-by': 'credentialflow' });
  });
  it('hands the key to curl by no argument', () => {
    assert.doesNotMatch(script, /(--header|-H)[^\n]*KEY/);
  });
});

describe('adc', () => {
  const { services } = parse(rendered(elaborate, adc)) as {
    readonly services: readonly {
      readonly name: string;
      readonly labels: unknown;
      readonly upstream: { readonly nodes: readonly { readonly port: number }[] };
      readonly routes: readonly {
        readonly labels: unknown;
        readonly uris: readonly string[];
        readonly plugins: unknown;
      }[];
    }[];
  };

  it('labels every service and every route, so that a sync selects nothing else', () => {
    for (const { labels, routes } of services) {
      assert.deepEqual(labels, { 'managed-by': 'credentialflow' });
      for (const route of routes) assert.deepEqual(route.labels, labels);
    }
  });
  it('has the plugins of the model, and names the upstream in the question’s path', () => {
    const { routes } = configured(elaborate, boundByUpstream);
    assert.deepEqual(
      services.map((service) => service.routes[0]?.plugins),
      routes.map((route) => JSON.parse(JSON.stringify(pluginsOf(route))) as unknown),
    );
    const [auth] = routes[1]?.plugins.filter(({ name }) => name === 'forward-auth') ?? [];
    assert.equal(auth?.config['uri'], 'http://127.0.0.1:9280/api/auth/my.model_1');
    assert.ok(!('X-CF-Route' in (auth.config['extra_headers'] as object)), 'a route id of ADC is no id of ours');
  });
});

for (const format of [ingressV2, gatewayApi]) {
  describe(format.id, () => {
    const objects = objectsOf(rendered(elaborate, format));

    it('has names that Kubernetes takes, our label, and a namespace only where one is wished for', () => {
      for (const { metadata } of objects) {
        assert.match(metadata.name, /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
        assert.deepEqual(metadata.labels, { 'app.kubernetes.io/managed-by': 'credentialflow' });
        assert.equal(metadata.namespace, undefined);
      }
      const configuration = configured(elaborate, format.wiring);
      const inside = objectsOf(format.write(configuration, { ...formatOptions, namespace: 'edge' }));
      assert.ok(inside.every(({ metadata }) => metadata.namespace === 'edge'));
    });
    it('has no two objects of one kind and name', () => {
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      assert.equal(new Set(names).size, names.length);
    });
    it('carries the plugins of the model in a plugin config', () => {
      const lists = objects
        .filter(({ kind }) => /PluginConfig$/.test(kind))
        .map(({ spec }) => spec['plugins'] as readonly { readonly name: string; readonly config: unknown }[]);
      const { routes } = configured(elaborate, boundByUpstream);
      for (const [i, list] of lists.entries()) {
        assert.deepEqual(
          list.map(({ name, config }) => ({ name, config })),
          JSON.parse(JSON.stringify(routes[i]?.plugins.map(({ name, config }) => ({ name, config })))),
        );
      }
    });
  });
}

describe('ingress-v2', () => {
  it('joins route, plugins and upstream by name', () => {
    const objects = objectsOf(rendered(elaborate, ingressV2));
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      [0, 1, 2, 3].flatMap(() => ['ApisixRoute', 'ApisixPluginConfig', 'ApisixUpstream']),
    );
    const [route] = objects;
    const [rule] = route?.spec['http'] as readonly Readonly<Record<string, unknown>>[];
    assert.deepEqual(rule, {
      name: 'credentialflow-maps',
      match: { hosts: ['maps.internal'], paths: ['/*'] },
      plugin_config_name: 'credentialflow-maps',
      upstreams: [{ name: 'credentialflow-maps' }],
    });
    assert.deepEqual(objects[2]?.spec['externalNodes'], [
      { type: 'Domain', name: 'maps.example.com', port: 443, weight: 1 },
    ]);
    assert.equal(objects[2].spec['passHost'], 'node');
  });
});

describe('gateway-api', () => {
  const text = rendered(elaborate, gatewayApi);

  it('sends to a name, over the upstream’s scheme, with the upstream’s host', () => {
    const objects = objectsOf(text);
    assert.deepEqual(
      objects.slice(0, 4).map(({ kind }) => kind),
      ['HTTPRoute', 'PluginConfig', 'Service', 'BackendTrafficPolicy'],
    );
    const [route, , service, policy] = objects;
    assert.deepEqual(route?.spec['rules'], [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/' } }],
        filters: [
          {
            type: 'ExtensionRef',
            extensionRef: { group: 'apisix.apache.org', kind: 'PluginConfig', name: 'credentialflow-maps' },
          },
        ],
        backendRefs: [{ name: 'credentialflow-maps', port: 443 }],
      },
    ]);
    assert.equal(service?.spec['externalName'], 'maps.example.com');
    assert.deepEqual([policy?.spec['scheme'], policy?.spec['upstreamHost']], ['https', 'maps.example.com']);
  });
  it('serves every host, in as many routes as it takes, by the same plugins', () => {
    const routes = objectsOf(rendered(atTheEdges, gatewayApi)).filter(({ kind }) => kind === 'HTTPRoute');
    const hosts = routes.map(({ spec }) => spec['hostnames'] as readonly string[]);
    assert.deepEqual(
      hosts.map((list) => list.length),
      [16, 16, 8],
    );
    assert.equal(new Set(hosts.flat()).size, 40);
    assert.equal(new Set(routes.map(({ metadata }) => metadata.name)).size, 3);
    assert.equal(new Set(routes.map(({ spec }) => JSON.stringify(spec['rules']))).size, 1);
  });
  it('says which routes it left out: those that lead to an address', () => {
    assert.match(text, /^# credentialflow-token-self: 127\.0\.0\.1$/m);
    assert.ok(!objectsOf(text).some(({ metadata }) => metadata.name === 'credentialflow-token-self'));
  });
});

describe('what Kubernetes and ADC are given', () => {
  for (const [name, resources] of [
    ['of every wish', elaborate],
    ['of every preset', shipped],
    ['behind ai-proxy', byAiProxy],
    ['at the edges', atTheEdges],
  ] as const) {
    for (const format of [ingressV2, gatewayApi]) {
      it(`${format.id} ${name} has the fields that the API takes, and no other`, () => {
        const text = format.write(configured(resources, format.wiring), { ...formatOptions, namespace: 'edge' });
        const objects = objectsOf(text);
        assert.ok(objects.length > 0);
        for (const object of objects) assertValid(manifestSchemas[object.kind], object, `${object.kind} ${object.metadata.name}`); // prettier-ignore
      });
    }
    it(`adc ${name} has the fields that ADC takes, and no other`, () => {
      assertValid(manifestSchemas['adc'], parse(rendered(resources, adc)), name);
    });
  }
  it('is judged: what a schema does not know is an error', () => {
    const [route] = objectsOf(rendered(elaborate, gatewayApi));
    assert.ok(route);
    assert.throws(() =>
      assertValid(manifestSchemas['HTTPRoute'], { ...route, spec: { ...route.spec, hosts: [] } }, 'x'),
    );
    assert.throws(() => assertValid(manifestSchemas['HTTPRoute'], { ...route, apiVersion: 'v1' }, 'x'));
  });
});

describe('the names of Kubernetes objects', () => {
  const [any] = configured(elaborate, boundByUpstream).routes;
  assert.ok(any);
  const nameOf = (upstreamId: string): string => objectName({ ...any, upstreamId });

  it('never join two upstreams', () => {
    const ids = ['a.b', 'a_b', 'a-b', 'token-self', 'x'.repeat(63), 'x'.repeat(62), 'credentialflow-a-b'];
    const names = [...ids.map(nameOf), 'credentialflow-token-self'];
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.ok(name.length <= 63 && /^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name), name);
  });
});
