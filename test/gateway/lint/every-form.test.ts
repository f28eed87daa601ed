/** Each fault that a route can have is found in each form that a configuration comes in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lintFiles } from './corpus.ts';
import { addPlugin, forms, pluginOf, removePlugin, upstreamOf } from './forms.ts';
import type { Form, Tree } from './forms.ts';

type Put = (documents: Tree[], form: Form) => boolean;

/** Of forward-auth; a value is set, undefined removes. */
const asked =
  (field: string, value: unknown): Put =>
  (documents) =>
    set(pluginOf(documents, 'forward-auth'), field, value);
const without =
  (field: string, header: string): Put =>
  (documents) => {
    const auth = pluginOf(documents, 'forward-auth');
    const names = auth[field] as unknown as readonly string[];
    assert.ok(names.includes(header), `${field} has ${header}`);
    return set(
      auth,
      field,
      names.filter((name) => name !== header),
    );
  };
const also =
  (field: string, header: string): Put =>
  (documents) => {
    const auth = pluginOf(documents, 'forward-auth');
    return set(auth, field, [...(auth[field] as unknown as readonly string[]), header]);
  };
const told =
  (header: string, value: unknown): Put =>
  (documents) =>
    set(pluginOf(documents, 'forward-auth')['extra_headers'], header, value);
const beside =
  (name: string, config: unknown): Put =>
  (documents) => {
    addPlugin(documents, name, config);
    return true;
  };
const settled =
  (name: string, field: string, value: unknown): Put =>
  (documents) =>
    set(pluginOf(documents, name), field, value);
const everywhere =
  (name: string, config: unknown): Put =>
  (documents, { addGlobally }) => {
    addGlobally?.(documents, name, config);
    return addGlobally !== undefined;
  };
const open =
  (path: string): Put =>
  (documents, { addOpenRoute }) => {
    addOpenRoute?.(documents, path);
    return addOpenRoute !== undefined;
  };

function set(node: Tree | undefined, field: string, value: unknown): boolean {
  assert.ok(node, field);
  if (value === undefined) Reflect.deleteProperty(node, field);
  else node[field] = value as Tree;
  return true;
}

const literal = 'not-a-real-key-but-as-long-as-one-000000';
const instance = (provider: string) => ({ name: provider, provider, weight: 1, auth: { header: {} } });

const faults: readonly (readonly [rule: string, name: string, put: Put])[] = [
  ['degradation', 'degradation', asked('allow_degradation', true)],
  ['status-on-error', 'the default status on error', asked('status_on_error', undefined)],
  ['upstream-headers-slot', 'a slot that the answer does not clear', without('upstream_headers', 'x-api-key')],
  ['upstream-headers-steering', 'a steering header that passes', without('upstream_headers', 'openai-organization')],
  ['upstream-headers-marker', 'a marker that can be forged', without('upstream_headers', 'cfcredential')],
  ['upstream-headers-forbidden', 'content-length of the answer', also('upstream_headers', 'content-length')],
  ['request-headers-slot', 'a slot that is not asked about', without('request_headers', 'authorization')],
  ['request-headers-forbidden', 'x-forwarded-uri of the client', also('request_headers', 'x-forwarded-uri')],
  ['client-headers', 'denials as text', without('client_headers', 'content-type')],
  ['client-headers-secret', 'the secret for the client', also('client_headers', 'authorization')],
  ['gateway-key-missing', 'no gateway key', told('X-CF-Gateway-Key', undefined)],
  ['literal-key', 'a literal gateway key', told('X-CF-Gateway-Key', literal)],
  ['env-reference', 'a reference inside a value', told('X-CF-Gateway-Key', 'Bearer $env://KEY')],
  [
    'question-without-raw-uri',
    'no raw path where nothing is rewritten',
    (documents, form) => {
      removePlugin(documents, 'proxy-rewrite');
      return told('X-CF-Raw-Uri', undefined)(documents, form);
    },
  ],
  ['rewrite-without-upstream-uri', 'a rewrite that is not told', told('X-CF-Upstream-Uri', undefined)],
  ['question-forgeable', 'the request id of the client', told('X-CF-Request-Id', '$apisix_request_id')],
  ['keepalive-pool', 'the default pool', asked('keepalive_pool', undefined)],
  ['request-method-post', 'POST', asked('request_method', 'POST')],
  ['auth-timeout', 'a time-out below the sidecar’s own', asked('timeout', 500)],
  ['auth-plain-http', 'http to another machine', asked('uri', 'http://10.1.2.3:9280/api/auth/api')],
  ['ssl-verify', 'certificates that nobody checks', asked('ssl_verify', false)],
  ['meta-disable', 'a question that is switched off', asked('_meta', { disable: true })],
  ['meta-filter', 'a question that is asked sometimes', asked('_meta', { filter: [['arg_a', '==', '1']] })],
  ['meta-priority', 'a question after the limit', asked('_meta', { priority: 1 })],
  ['meta-pre-function', 'Lua before the question', asked('_meta', { pre_function: 'return function() end' })],
  ['meta-error-response', 'another answer for denials', asked('_meta', { error_response: 'no' })],
  ['logger-default-format', 'a logger with the default entry', beside('syslog', { host: '127.0.0.1', port: 514 })],
  [
    'logger-secret-variable',
    'the secret in a log format',
    settled('http-logger', 'log_format', { credential: '$http_cfcredential', auth: '$http_authorization' }),
  ],
  ['logger-body', 'bodies in the log', settled('http-logger', 'include_req_body', true)],
  ['log-receiver', 'logs that name no credential', settled('http-logger', 'log_format', { status: '$status' })],
  ['proxy-mirror', 'a mirror', beside('proxy-mirror', { host: 'http://shadow.internal:8080' })],
  ['cache-without-identity', 'a cache for everybody', beside('proxy-cache', { cache_key: ['$host', '$request_uri'] })],
  ['forgeable-key', 'a limit by a header with a hyphen', settled('limit-count', 'key', 'http_x_tenant')],
  ['secret-variable', 'the secret in a response', beside('response-rewrite', { headers: { set: { a: '$http_authorization' } } })], // prettier-ignore
  ['secret-to-other-service', 'opa after the injection', beside('opa', { host: 'http://127.0.0.1:8181', policy: 'p' })],
  ['real-ip-trust', 'everybody says who the client is', beside('real-ip', { source: 'http_x_forwarded_for', trusted_addresses: ['0.0.0.0/0'] })], // prettier-ignore
  ['ai-one-header', 'one header for two providers', beside('ai-proxy-multi', { instances: [instance('openai'), instance('deepseek')] })], // prettier-ignore
  ['ai-own-auth', 'ai-proxy with a key of its own', beside('ai-proxy', { provider: 'openai', auth: { header: { Authorization: '$env://KEY' } } })], // prettier-ignore
  ['ai-path', 'ai-proxy that chooses the path', beside('ai-proxy', { provider: 'openai', auth: { header: {} } })],
  ['upstream-plain-http', 'http to the provider', (documents) => set(upstreamOf(documents), 'scheme', 'http')],
  [
    'pass-host',
    'the client’s host for the provider',
    (documents) => {
      const upstream = upstreamOf(documents);
      return set(upstream, 'passHost' in upstream ? 'passHost' : 'pass_host', 'pass');
    },
  ],
  ['logger-default-format', 'a global logger with the default entry', everywhere('syslog', { host: '127.0.0.1', port: 514 })], // prettier-ignore
  ['global-limit', 'a global limit by consumer', everywhere('limit-count', { count: 1, time_window: 60, key: 'http_cfconsumer' })], // prettier-ignore
  ['double-auth', 'the question twice', everywhere('forward-auth', { uri: 'http://127.0.0.1:9999/', status_on_error: 503 })], // prettier-ignore
  ['proxy-mirror', 'a global mirror', everywhere('proxy-mirror', { host: 'http://shadow.internal:8080' })],
  ['route-shadowed', 'an open route inside the guarded one', open('/api/v1/*')],
  ['open-fallback', 'an open catch-all', open('/*')],
];

const rulesIn = (form: Form, documents: readonly Tree[]): readonly string[] => {
  const { findings, problems } = lintFiles([{ file: 'gateway', text: form.write(documents) }]);
  assert.deepEqual(problems, []);
  for (const { rule, line } of findings) assert.ok(line !== undefined && line >= 1, `${rule} has a place`);
  return [...new Set(findings.map(({ rule }) => rule))];
};

for (const form of forms) {
  describe(form.name, () => {
    it('has no finding as it is', () => {
      assert.deepEqual(rulesIn(form, form.read()), []);
    });
    for (const [rule, name, put] of faults) {
      const documents = form.read();
      if (!put(documents, form)) continue;
      it(`${rule}: ${name}`, () => {
        const found = rulesIn(form, documents);
        assert.ok(found.includes(rule), `found ${found.join(', ')}`);
      });
    }
  });
}
