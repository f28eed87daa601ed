import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import {
  commonSteeringHeaders,
  consumerHeader,
  credentialHeader,
  tokenSlotHeaders,
} from '../../sidecar/core/preset.ts';
import { presets } from '../../sidecar/presets/index.ts';
import { shippedApisixYaml } from '../support/gateway.ts';
import { readRoutes } from './stand-in/configuration.ts';
import type { LogFormat, Route } from './stand-in/configuration.ts';

const text = shippedApisixYaml();
const config = parse(readFileSync(new URL('../../apisix-conf/config.yaml', import.meta.url), 'utf8')) as Record<
  string,
  Record<string, unknown>
>;
const env = { CREDENTIALFLOW_GATEWAY_KEY: 'GATEWAY-KEY', CREDENTIALFLOW_LOG_KEY: 'LOG-KEY' };
const routes = readRoutes(text, env);
const guarded = routes.filter(({ plugins }) => plugins['forward-auth'] !== undefined);
const authOf = ({ id, plugins }: Route) => plugins['forward-auth'] ?? assert.fail(`${id} asks nobody`);
const loggerOf = ({ id, plugins }: Route) => plugins['http-logger'] ?? assert.fail(`${id} logs nothing`);

const leaves = (format: LogFormat): readonly string[] =>
  Object.values(format).flatMap((value) => (typeof value === 'string' ? [value] : leaves(value)));

describe('apisix.yaml', () => {
  it('ends with #END, without which the gateway ignores it', () => {
    assert.match(text, /\n#END\s*$/);
  });
  it('has a guarded route for each preset, named like the upstream that a resource file would make of it', () => {
    assert.deepEqual(guarded.map(({ id }) => id).sort(), [...presets.keys()].sort());
    for (const { id, uri } of guarded) assert.equal(uri, `/${id}/*`);
  });
  it('reaches the upstream of the preset, over TLS unless that is on the same machine', () => {
    for (const { id, upstream } of guarded) {
      const [node] = upstream.nodes;
      const known = presets.get(id)?.baseUrl;
      const origin = `${upstream.scheme}://${node?.host ?? ''}`;
      if (known !== undefined) assert.equal(origin, known.replace(/:\d+$/, ''));
      else assert.equal(upstream.scheme, 'https');
      assert.equal(upstream.pass_host, 'node');
    }
  });
  it('leaves no route but the guarded ones and the token’s own description', () => {
    const open = routes.filter((route) => !guarded.includes(route));
    assert.deepEqual(
      open.map(({ uri, methods, plugins, upstream }) => [uri, methods, plugins['proxy-rewrite']?.uri, upstream.nodes]),
      [['/credentialflow/token/self', ['GET'], '/api/token/self', [{ host: '127.0.0.1', port: 9280, weight: 1 }]]],
    );
  });
  it('holds no key and no $env:// reference', () => {
    assert.doesNotMatch(text, /\$env:\/\//);
    const keys = text.split('\n').filter((line) => /X-CF-Gateway-Key|auth_header/.test(line));
    assert.equal(keys.length, guarded.length * 2);
    for (const line of keys)
      assert.match(line, /: '(\$\{\{CREDENTIALFLOW_GATEWAY_KEY\}\}|Bearer \$\{\{CREDENTIALFLOW_LOG_KEY\}\})'$/);
  });
  it('names no variable but the two that `gateway env` prints', () => {
    const names = [...text.matchAll(/\$\{\{(\w+)\}\}/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(names)].sort(), Object.keys(env));
    assert.deepEqual(config['nginx_config']?.['envs'], Object.keys(env));
  });
});

for (const route of guarded) {
  describe(`the route ${route.id}`, () => {
    const auth = authOf(route);
    const preset = presets.get(route.id) ?? assert.fail();

    it('asks with GET, within 1.5 s, over 320 kept connections, and never lets a failure through', () => {
      const { uri, request_method, timeout, keepalive, keepalive_pool, status_on_error, allow_degradation } = auth;
      assert.deepEqual(
        { uri, request_method, timeout, keepalive, keepalive_pool, status_on_error, allow_degradation },
        {
          uri: 'http://127.0.0.1:9280/api/auth',
          request_method: 'GET',
          timeout: 1_500,
          keepalive: true,
          keepalive_pool: 320,
          status_on_error: 503,
          allow_degradation: false,
        },
      );
    });
    it('passes on the token slots and the trace, and nothing that a client could use against the question', () => {
      assert.deepEqual(auth.request_headers, [...tokenSlotHeaders, 'traceparent']);
      for (const { header } of preset.tokenSlots) assert.ok(auth.request_headers.includes(header), header);
      const forbidden = /^(x-forwarded-.*|x-cf-.*|host|connection|content-length|transfer-encoding|expect)$/i;
      for (const name of auth.request_headers) assert.doesNotMatch(name, forbidden);
    });
    it('takes every header of an allow, in lower case', () => {
      assert.deepEqual(auth.upstream_headers, [
        ...tokenSlotHeaders,
        ...commonSteeringHeaders,
        ...preset.steeringHeaders,
        credentialHeader,
        consumerHeader,
      ]);
      for (const name of auth.upstream_headers) assert.equal(name, name.toLowerCase());
      assert.ok(!auth.upstream_headers.includes('content-length'));
    });
    it('lets the client read what a denial says', () => {
      assert.deepEqual(auth.client_headers, [
        'content-type',
        'www-authenticate',
        'retry-after',
        'retry-after-ms',
        'x-should-retry',
        'x-cf-decision',
        'ratelimit',
        'ratelimit-policy',
      ]);
    });
    it('says who asks, for which route, request and path', () => {
      assert.deepEqual(auth.extra_headers, {
        'X-CF-Gateway-Key': env.CREDENTIALFLOW_GATEWAY_KEY,
        'X-CF-Route': '$route_id',
        'X-CF-Request-Id': '$request_id',
        'X-CF-Raw-Uri': '$real_request_uri',
        'X-CF-Upstream-Uri': '$upstream_uri',
      });
    });
    it('strips its prefix and leaves the decoding to the gateway', () => {
      assert.deepEqual(route.plugins['proxy-rewrite'], {
        regex_uri: [`^/${route.id}/(.*)`, '/$1'],
        use_real_request_uri_unsafe: false,
      });
    });
    it('logs to the sidecar in small batches, more than once rather than not at all', () => {
      const { uri, auth_header, batch_max_size, inactive_timeout, max_retry_count } = loggerOf(route);
      assert.deepEqual(
        [uri, auth_header, batch_max_size, inactive_timeout],
        ['http://127.0.0.1:9280/api/logs', 'Bearer LOG-KEY', 20, 1],
      );
      assert.ok(max_retry_count > 0);
    });
    it('logs which credential was used and how the upstream did, and nothing that can hold a secret', () => {
      const logged = leaves(loggerOf(route).log_format ?? assert.fail());
      for (const variable of ['$http_cfcredential', '$request_id', '$upstream_status', '$status']) {
        assert.ok(logged.includes(variable), variable);
      }
      // Of the request's headers only ours; nothing with a query, a path or a body.
      for (const variable of logged.filter((name) => name.startsWith('$http_'))) {
        assert.equal(variable, '$http_cfcredential');
      }
      for (const variable of logged) {
        assert.doesNotMatch(variable, /uri|args|arg_|query|^\$request$|request_line|request_body|resp_body|cookie/);
      }
    });
    it('logs what the upstream says of its limits, under the names of its headers', () => {
      const names = new Set(['retry-after', ...preset.responseHeaders.rateLimit]);
      assert.deepEqual(
        loggerOf(route).log_format?.['limits'],
        Object.fromEntries([...names].map((name) => [name, `$upstream_http_${name.replaceAll('-', '_')}`])),
      );
    });
    it('answers browsers without letting them send cookies', () => {
      const { cors } = route.plugins;
      if (cors === undefined) return;
      assert.deepEqual([cors.allow_origins, cors.allow_headers, cors.allow_credential], ['*', '**', false]);
      for (const name of ['retry-after', 'x-should-retry', 'x-cf-decision']) {
        assert.ok(cors.expose_headers?.split(',').includes(name), name);
      }
    });
  });
}

describe('config.yaml', () => {
  const nginx = config['nginx_config'] ?? {};
  const http = nginx['http'] as Record<string, string>;

  it('makes a standalone gateway', () => {
    assert.deepEqual(config['deployment'], { role: 'data_plane', role_data_plane: { config_provider: 'yaml' } });
  });
  it('drops header names with underscores, which would join the real ones', () => {
    assert.equal(http['underscores_in_headers'], 'off');
  });
  it('logs no query and no header', () => {
    assert.doesNotMatch(
      http['access_log_format'] ?? '',
      /\$(request|args|query_string|request_uri|upstream_uri|http_\w+)\b/,
    );
    assert.match(http['access_log_format'] ?? '', /\$uri/);
  });
  it('checks the certificates of the upstreams that get the secrets', () => {
    assert.match(String(nginx['http_server_configuration_snippet']), /^proxy_ssl_verify on;$/m);
    assert.deepEqual((config['apisix']?.['ssl'] as Record<string, unknown>)['ssl_trusted_certificate'], 'system');
  });
});
