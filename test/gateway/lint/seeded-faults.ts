/** Faults that are put into good configurations, each with the rules that must find it, and no other rule. */
export interface SeededFault {
  readonly name: string;
  /** Entry of corpus/good. */
  readonly into: string;
  /** Of a directory; default the entry itself, or its only file. */
  readonly file?: string;
  /** Path → value; undefined removes. Manifests: the first part is the document's number. */
  readonly edit: readonly (readonly [path: readonly (string | number)[], value: unknown])[];
  /** Ids of the rules that fire. */
  readonly expect: readonly string[];
  readonly version?: string;
}

const route = ['routes', 0] as const;
const plugins = [...route, 'plugins'] as const;
const auth = [...plugins, 'forward-auth'] as const;
const key = '${{CREDENTIALFLOW_GATEWAY_KEY}}';
const slots = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'];
const adminAuth = ['list', 0, 'value', 'plugins', 'forward-auth'] as const;
const adcAuth = ['services', 0, 'plugins', 'forward-auth'] as const;
const manifestAuth = [1, 'spec', 'plugins', 0, 'config'] as const;

const openai = 'standalone-openai.yaml';

export const seededFaults: readonly SeededFault[] = [
  // the gateway
  { name: 'APISIX 3.16', into: openai, edit: [], version: '3.16.0', expect: ['version-floor'] },
  {
    name: 'an image of APISIX 3.15 in the pod',
    into: 'kubernetes-inline',
    file: 'gateway.yaml',
    edit: [[[1, 'spec', 'template', 'spec', 'containers', 0, 'image'], 'apache/apisix:3.15.0-debian']],
    expect: ['version-floor', 'env-reference'],
  },
  {
    name: 'a plugins list without forward-auth',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['plugins'], ['proxy-rewrite', 'limit-count']]],
    expect: ['plugin-not-enabled'],
  },
  // how the question is asked
  {
    name: 'http to another machine',
    into: openai,
    edit: [[[...auth, 'uri'], 'http://10.1.2.3:9280/api/auth']],
    expect: ['auth-plain-http'],
  },
  {
    name: 'http to a service of the cluster',
    into: 'kubernetes-http-route.yaml',
    edit: [[[2, 'spec', 'plugins', 0, 'config', 'uri'], 'http://credentialflow.ai.svc:9280/api/auth/anthropic']],
    expect: ['auth-plain-http'],
  },
  {
    name: 'https to an address',
    into: openai,
    edit: [[[...auth, 'uri'], 'https://10.1.2.3:9280/api/auth']],
    expect: ['auth-uri'],
  },
  {
    name: 'a unix socket',
    into: openai,
    edit: [[[...auth, 'uri'], 'unix:/run/credentialflow.sock']],
    expect: ['auth-uri'],
  },
  {
    name: 'the port of the gateway itself',
    into: openai,
    edit: [[[...auth, 'uri'], 'http://127.0.0.1:9080/api/auth']],
    expect: ['auth-uri'],
  },
  {
    name: 'certificates are not checked',
    into: 'standalone-remote-sidecar.yaml',
    edit: [[[...auth, 'ssl_verify'], false]],
    expect: ['ssl-verify'],
  },
  {
    name: 'ai-proxy does not check certificates',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...plugins, 'ai-proxy', 'ssl_verify'], false]],
    expect: ['ssl-verify'],
  },
  {
    name: 'a logger that does not check certificates',
    into: 'standalone-metadata-format.yaml',
    edit: [[[...plugins, 'http-logger', 'ssl_verify'], undefined]],
    expect: ['ssl-verify'],
  },
  {
    name: 'a time-out below the sidecar’s own',
    into: openai,
    edit: [[[...auth, 'timeout'], 500]],
    expect: ['auth-timeout'],
  },
  {
    name: 'the default pool',
    into: openai,
    edit: [[[...auth, 'keepalive_pool'], undefined]],
    expect: ['keepalive-pool'],
  },
  {
    name: 'a small pool in ADC',
    into: 'adc.yaml',
    edit: [[[...adcAuth, 'keepalive_pool'], 8]],
    expect: ['keepalive-pool'],
  },
  { name: 'no kept connections', into: openai, edit: [[[...auth, 'keepalive'], false]], expect: ['keepalive-pool'] },
  {
    name: 'two routes with pools of two sizes',
    into: 'standalone-four-providers.yaml',
    edit: [[['routes', 2, 'plugins', 'forward-auth', 'keepalive_pool'], 64]],
    expect: ['keepalive-pool-differs'],
  },
  { name: 'POST', into: openai, edit: [[[...auth, 'request_method'], 'POST']], expect: ['request-method-post'] },
  {
    name: 'POST in an Admin API dump',
    into: 'admin-routes.json',
    edit: [[[...adminAuth, 'request_method'], 'POST']],
    expect: ['request-method-post'],
  },
  {
    name: 'a variable of the body',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-Model'], '$post_arg.model']],
    expect: ['question-reads-body'],
  },
  {
    name: 'a field of the body under another name',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Arg-model'], '$post_arg.user']],
    expect: ['question-reads-body', 'question-forgeable'],
  },
  {
    name: 'a header of the client in place of a field of the body',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Arg-model'], '$http_x_model']],
    expect: ['question-forgeable'],
  },
  // what the question says
  {
    name: 'no gateway key',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Gateway-Key'], undefined]],
    expect: ['gateway-key-missing'],
  },
  {
    name: 'no gateway key in a manifest',
    into: 'kubernetes-apisix-route.yaml',
    edit: [[[...manifestAuth, 'extra_headers', 'X-CF-Gateway-Key'], undefined]],
    expect: ['gateway-key-missing'],
  },
  {
    name: 'a literal gateway key',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Gateway-Key'], 'not-a-real-key-but-as-long-as-one-000000']],
    expect: ['literal-key'],
  },
  {
    name: 'a literal gateway key through the Admin API',
    into: 'admin-dump.json',
    edit: [
      [
        ['services', 'list', 0, 'value', 'plugins', 'forward-auth', 'extra_headers', 'X-CF-Gateway-Key'],
        'not-a-real-key-but-as-long-as-one-000000',
      ],
    ],
    expect: ['literal-key'],
  },
  {
    name: 'a literal log key',
    into: 'standalone-plugin-config.yaml',
    edit: [
      [['plugin_configs', 0, 'plugins', 'http-logger', 'auth_header'], 'Bearer not-a-real-log-key-either-0000000'],
    ],
    expect: ['literal-key'],
  },
  {
    name: '$env:// inside a value',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Gateway-Key'], 'Bearer $env://CREDENTIALFLOW_GATEWAY_KEY']],
    expect: ['env-reference'],
  },
  {
    name: 'what is left of $env://',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Gateway-Key'], '://CREDENTIALFLOW_GATEWAY_KEY']],
    expect: ['env-reference'],
  },
  {
    name: '$env:// on 3.16',
    into: 'admin-routes.json',
    edit: [],
    version: '3.16',
    expect: ['version-floor', 'env-reference'],
  },
  {
    name: '${{NAME}} through the Admin API',
    into: 'admin-routes.json',
    edit: [[[...adminAuth, 'extra_headers', 'X-CF-Gateway-Key'], key]],
    expect: ['template-elsewhere'],
  },
  {
    name: '${{NAME}} in ADC',
    into: 'adc.yaml',
    edit: [[[...adcAuth, 'extra_headers', 'X-CF-Gateway-Key'], key]],
    expect: ['template-elsewhere'],
  },
  {
    name: 'no route and no upstream',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Route'], undefined]],
    expect: ['question-without-route'],
  },
  {
    name: 'the route’s id in ADC, which makes ids',
    into: 'adc.yaml',
    edit: [
      [[...adcAuth, 'uri'], 'http://127.0.0.1:9280/api/auth'],
      [[...adcAuth, 'extra_headers', 'X-CF-Route'], '$route_id'],
    ],
    expect: ['generated-route-id'],
  },
  {
    name: 'the route’s id under an ingress controller',
    into: 'kubernetes-apisix-route.yaml',
    edit: [
      [[...manifestAuth, 'uri'], 'http://127.0.0.1:9280/api/auth'],
      [[...manifestAuth, 'extra_headers', 'X-CF-Route'], '$route_id'],
    ],
    expect: ['generated-route-id'],
  },
  {
    name: 'a standalone route without an id',
    into: openai,
    edit: [
      [[...route, 'id'], undefined],
      [[...route, 'name'], 'openai'],
    ],
    expect: ['generated-route-id'],
  },
  {
    name: 'the upstream by the client’s host',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Route'], '$host']],
    expect: ['question-forgeable'],
  },
  {
    name: 'the request id of the client',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Request-Id'], '$apisix_request_id']],
    expect: ['question-forgeable'],
  },
  {
    name: 'no raw path without a rewrite',
    into: 'standalone-hosts.yaml',
    edit: [[[...auth, 'extra_headers', 'X-CF-Raw-Uri'], undefined]],
    expect: ['question-without-raw-uri'],
  },
  {
    name: 'the decoded path as the raw one',
    into: 'standalone-hosts.yaml',
    edit: [[[...auth, 'extra_headers', 'X-CF-Raw-Uri'], '$uri']],
    expect: ['question-without-raw-uri'],
  },
  {
    name: 'a rewrite that is not told',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-CF-Upstream-Uri'], undefined]],
    expect: ['rewrite-without-upstream-uri'],
  },
  {
    name: 'a rewrite of the Gateway API that is not told',
    into: 'kubernetes-http-route.yaml',
    edit: [[[2, 'spec', 'plugins', 0, 'config', 'extra_headers', 'X-CF-Upstream-Uri'], undefined]],
    expect: ['rewrite-without-upstream-uri'],
  },
  {
    name: 'a rewrite on the route of a service that asks',
    into: 'standalone-service.yaml',
    edit: [[['services', 0, 'plugins', 'forward-auth', 'extra_headers', 'X-CF-Upstream-Uri'], '$uri']],
    expect: ['rewrite-without-upstream-uri'],
  },
  {
    name: 'no header of the client',
    into: openai,
    edit: [[[...auth, 'request_headers'], undefined]],
    expect: ['request-headers-slot'],
  },
  {
    name: 'only Authorization is asked about',
    into: 'standalone.json',
    edit: [[[...auth, 'request_headers'], ['Authorization']]],
    expect: ['request-headers-slot'],
  },
  {
    name: 'x-forwarded-uri from the client',
    into: openai,
    edit: [
      [
        [...auth, 'request_headers'],
        [...slots, 'x-forwarded-uri'],
      ],
    ],
    expect: ['request-headers-forbidden'],
  },
  {
    name: 'Content-Length from the client',
    into: 'adc-global-rules.yaml',
    edit: [
      [
        ['services', 0, 'routes', 0, 'plugins', 'forward-auth', 'request_headers'],
        [...slots, 'Content-Length', 'Host'],
      ],
    ],
    expect: ['request-headers-forbidden'],
  },
  {
    name: 'proxy-rewrite sets Authorization',
    into: openai,
    edit: [[[...plugins, 'proxy-rewrite', 'headers'], { set: { Authorization: 'Bearer not-a-real-secret' } }]],
    expect: ['rewrite-overwrites-token'],
  },
  {
    name: 'a filter of the Gateway API sets a slot',
    into: 'kubernetes-http-route.yaml',
    edit: [
      [
        [3, 'spec', 'rules', 0, 'filters', 2],
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: { set: [{ name: 'X-Api-Key', value: 'not-a-real-secret' }] },
        },
      ],
    ],
    expect: ['rewrite-overwrites-token'],
  },
  {
    name: 'the question twice',
    into: 'standalone-global-rules.yaml',
    edit: [
      [
        ['global_rules', 0, 'plugins', 'forward-auth'],
        { uri: 'http://auth.internal:9091/verify', status_on_error: 503 },
      ],
    ],
    expect: ['double-auth'],
  },
  {
    name: 'a consumer with a question of its own',
    into: 'standalone-website.yaml',
    edit: [
      [['consumers', 0, 'plugins', 'forward-auth'], { uri: 'http://127.0.0.1:9999/verify', status_on_error: 503 }],
    ],
    expect: ['consumer-overrides-auth'],
  },
  // the answer
  { name: 'degradation', into: openai, edit: [[[...auth, 'allow_degradation'], true]], expect: ['degradation'] },
  {
    name: 'degradation in a service of an Admin API dump',
    into: 'admin-dump.json',
    edit: [[['services', 'list', 0, 'value', 'plugins', 'forward-auth', 'allow_degradation'], true]],
    expect: ['degradation'],
  },
  {
    name: 'degradation in a PluginConfig alone',
    into: 'kubernetes-plugin-config-alone.yaml',
    edit: [[[0, 'spec', 'plugins', 0, 'config', 'allow_degradation'], true]],
    expect: ['degradation'],
  },
  {
    name: 'degradation of another service’s question',
    into: 'standalone-foreign-auth.yaml',
    edit: [[[...auth, 'allow_degradation'], true]],
    expect: ['degradation'],
  },
  {
    name: 'the default status on error',
    into: openai,
    edit: [[[...auth, 'status_on_error'], undefined]],
    expect: ['status-on-error'],
  },
  {
    name: 'success on error',
    into: 'control-routes.json',
    edit: [[[0, 'value', 'plugins', 'forward-auth', 'status_on_error'], 200]],
    expect: ['status-on-error'],
  },
  {
    name: 'a slot that is not cleared',
    into: openai,
    edit: [[[...auth, 'upstream_headers', 1], 'cfconsumer']],
    expect: ['upstream-headers-slot'],
  },
  {
    name: 'no header of the answer',
    into: openai,
    edit: [[[...auth, 'upstream_headers'], undefined]],
    expect: ['upstream-headers-slot', 'upstream-headers-steering', 'upstream-headers-marker'],
  },
  {
    name: 'only Authorization is taken',
    into: 'admin-old-format.json',
    edit: [[['node', 'nodes', 0, 'value', 'plugins', 'forward-auth', 'upstream_headers'], ['authorization']]],
    expect: ['upstream-headers-slot', 'upstream-headers-steering', 'upstream-headers-marker'],
  },
  {
    name: 'a steering header that is not cleared',
    into: openai,
    edit: [[[...auth, 'upstream_headers', 4], 'cfconsumer']],
    expect: ['upstream-headers-steering'],
  },
  {
    name: 'the header that chooses who pays',
    into: openai,
    edit: [[[...auth, 'upstream_headers', 9], 'cfconsumer']],
    expect: ['upstream-headers-steering'],
  },
  {
    name: 'cfcredential that the client may forge',
    into: 'standalone-plugin-config.yaml',
    edit: [[['plugin_configs', 0, 'plugins', 'forward-auth', 'upstream_headers', 13], 'cfconsumer']],
    expect: ['upstream-headers-marker'],
  },
  {
    name: 'cfconsumer that the client may forge',
    into: 'standalone-limits-and-cache.yaml',
    edit: [[[...auth, 'upstream_headers', 10], 'x-tenant']],
    expect: ['upstream-headers-marker', 'forgeable-key'],
  },
  {
    name: 'content-length of the answer',
    into: openai,
    edit: [[[...auth, 'upstream_headers', 12], 'content-length']],
    expect: ['upstream-headers-forbidden'],
  },
  {
    name: 'upper case before ai-proxy',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...auth, 'upstream_headers', 0], 'Authorization']],
    expect: ['upstream-headers-case'],
  },
  {
    name: 'denials that nobody can read',
    into: openai,
    edit: [[[...auth, 'client_headers'], undefined]],
    expect: ['client-headers'],
  },
  {
    name: 'denials as text',
    into: 'standalone-service.json',
    edit: [[['services', 0, 'plugins', 'forward-auth', 'client_headers', 0], 'x-cf-decision']],
    expect: ['client-headers'],
  },
  {
    name: 'a slot for the client',
    into: openai,
    edit: [[[...auth, 'client_headers', 5], 'authorization']],
    expect: ['client-headers-secret'],
  },
  // _meta
  {
    name: 'forward-auth switched off',
    into: openai,
    edit: [[[...auth, '_meta'], { disable: true }]],
    expect: ['meta-disable'],
  },
  {
    name: 'forward-auth of the service switched off by the route',
    into: 'standalone-service.yaml',
    edit: [
      [
        [...plugins, 'forward-auth'],
        { uri: 'http://127.0.0.1:9280/api/auth', status_on_error: 503, _meta: { disable: true } },
      ],
    ],
    expect: ['meta-disable'],
  },
  {
    name: 'enable: false in a manifest',
    into: 'kubernetes-apisix-route.yaml',
    edit: [[[1, 'spec', 'plugins', 0, 'enable'], false]],
    expect: ['meta-disable'],
  },
  {
    name: 'a filter on forward-auth',
    into: openai,
    edit: [[[...auth, '_meta'], { filter: [['arg_internal', '!=', '1']] }]],
    expect: ['meta-filter'],
  },
  {
    name: 'forward-auth after everything',
    into: openai,
    edit: [[[...auth, '_meta'], { priority: 1 }]],
    expect: ['meta-priority'],
  },
  {
    name: 'a limit before forward-auth',
    into: 'standalone-limits-and-cache.yaml',
    edit: [[[...plugins, 'limit-count', '_meta'], { priority: 3000 }]],
    expect: ['meta-priority'],
  },
  {
    name: 'an error response in place of denials',
    into: openai,
    edit: [[[...auth, '_meta'], { error_response: { message: 'no' } }]],
    expect: ['meta-error-response'],
  },
  {
    name: 'code before a plugin',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'file-logger', '_meta'], { pre_function: 'return function(conf, ctx) end' }]],
    expect: ['meta-pre-function'],
  },
  // logs
  {
    name: 'a logger with the default entry',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'file-logger', 'log_format'], undefined]],
    expect: ['logger-default-format'],
  },
  {
    name: 'a logger with an empty format',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'kafka-logger', 'log_format'], {}]],
    expect: ['logger-default-format'],
  },
  {
    name: 'kafka-logger with the whole request',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'kafka-logger', 'meta_format'], 'origin']],
    expect: ['logger-default-format'],
  },
  {
    name: 'a global logger with the default entry',
    into: 'standalone-global-rules.yaml',
    edit: [[['global_rules', 0, 'plugins', 'syslog'], { host: '127.0.0.1', port: 514 }]],
    expect: ['logger-default-format'],
  },
  {
    name: 'a global logger of ADC with the default entry',
    into: 'adc-global-rules.yaml',
    edit: [[['global_rules', 'http-logger'], { uri: 'https://logs.example.com' }]],
    expect: ['logger-default-format'],
  },
  {
    name: 'a consumer’s logger with the default entry',
    into: 'standalone-website.yaml',
    edit: [[['consumers', 0, 'plugins', 'udp-logger'], { host: '127.0.0.1', port: 514 }]],
    expect: ['logger-default-format'],
  },
  {
    name: 'metadata without a format',
    into: 'standalone-metadata-format.yaml',
    edit: [[['plugin_metadata', 1, 'log_format'], undefined]],
    expect: ['logger-default-format'],
  },
  {
    name: 'Authorization in a log format',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'file-logger', 'log_format', 'auth'], '$http_authorization']],
    expect: ['logger-secret-variable'],
  },
  {
    name: 'a slot deep in a log format',
    into: 'standalone-plugin-config.yaml',
    edit: [[['plugin_configs', 0, 'plugins', 'http-logger', 'log_format', 'upstream', 'key'], '$http_x_goog_api_key']],
    expect: ['logger-secret-variable'],
  },
  {
    name: 'the query in a log format of the metadata',
    into: 'standalone-metadata-format.yaml',
    edit: [[['plugin_metadata', 0, 'log_format', 'path'], '$request_uri']],
    expect: ['logger-secret-variable'],
  },
  {
    name: 'a key of the query in a log format',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'loki-logger', 'log_format', 'key'], '$arg_api_key']],
    expect: ['logger-secret-variable'],
  },
  {
    name: 'bodies in the log',
    into: 'standalone-loggers.yaml',
    edit: [[[...plugins, 'file-logger', 'include_req_body'], true]],
    expect: ['logger-body'],
  },
  {
    name: 'prompts in the log of ai-proxy',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...plugins, 'ai-proxy', 'logging', 'payloads'], true]],
    expect: ['logger-body'],
  },
  {
    name: 'a mask on the route, a logger for all',
    into: 'standalone-data-mask.yaml',
    edit: [
      [['global_rules', 0, 'plugins', 'data-mask'], undefined],
      [['global_rules', 0, 'plugins', 'tcp-logger', 'log_format'], undefined],
      [[...plugins, 'data-mask'], { request: [{ type: 'header', name: 'x-goog-api-key', action: 'remove' }] }],
    ],
    expect: ['logger-default-format', 'global-logger-before-mask'],
  },
  {
    name: 'the log key over http',
    into: 'standalone-plugin-config.yaml',
    edit: [[['plugin_configs', 0, 'plugins', 'http-logger', 'uri'], 'http://credentialflow.example.net:9280/api/logs']],
    expect: ['logger-plain-http'],
  },
  {
    name: 'logs that name no credential',
    into: 'standalone-plugin-config.yaml',
    edit: [[['plugin_configs', 0, 'plugins', 'http-logger', 'log_format', 'credential'], undefined]],
    expect: ['log-receiver'],
  },
  {
    name: 'logs without the log key',
    into: 'standalone-plugin-config.yaml',
    edit: [[['plugin_configs', 0, 'plugins', 'http-logger', 'auth_header'], undefined]],
    expect: ['log-receiver'],
  },
  {
    name: 'Authorization in access.log',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['nginx_config', 'http', 'access_log_format'], '$remote_addr "$request" $http_authorization']],
    expect: ['access-log-format'],
  },
  {
    name: 'error.log at level info',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['nginx_config', 'error_log_level'], 'info']],
    expect: ['error-log-level'],
  },
  // other plugins
  {
    name: 'a mirror',
    into: openai,
    edit: [[[...plugins, 'proxy-mirror'], { host: 'http://shadow.internal:8080' }]],
    expect: ['proxy-mirror'],
  },
  {
    name: 'a mirror of the Gateway API',
    into: 'kubernetes-http-route.yaml',
    edit: [
      [
        [3, 'spec', 'rules', 0, 'filters', 2],
        { type: 'RequestMirror', requestMirror: { backendRef: { name: 'shadow', port: 80 } } },
      ],
    ],
    expect: ['proxy-mirror'],
  },
  {
    name: 'a global mirror',
    into: 'standalone-global-rules.yaml',
    edit: [
      [['global_rules', 1, 'plugins', 'proxy-mirror'], { host: 'http://shadow.internal:8080', sample_ratio: 0.1 }],
    ],
    expect: ['proxy-mirror'],
  },
  {
    name: 'opa after injection',
    into: openai,
    edit: [[[...plugins, 'opa'], { host: 'http://127.0.0.1:8181', policy: 'gateway' }]],
    expect: ['secret-to-other-service'],
  },
  {
    name: 'the secret in a response header',
    into: openai,
    edit: [[[...plugins, 'response-rewrite'], { headers: { set: { 'X-Debug': '$http_authorization' } } }]],
    expect: ['secret-variable'],
  },
  {
    name: 'the secret as a label',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['plugin_attr', 'prometheus', 'metrics', 'http_status', 'extra_labels', 0], { key: '$http_x_api_key' }]],
    expect: ['secret-label'],
  },
  {
    name: 'a query secret beside a rewrite',
    into: 'standalone-query-secret.yaml',
    edit: [
      [[...plugins, 'proxy-rewrite'], { regex_uri: ['^/maps/(.*)', '/$1'] }],
      [[...auth, 'extra_headers', 'X-CF-Upstream-Uri'], '$upstream_uri'],
    ],
    expect: ['query-injection'],
  },
  {
    name: 'a secret in upstream_uri',
    into: 'standalone-query-secret.yaml',
    edit: [
      [
        [...plugins, 'serverless-post-function', 'functions', 0],
        'return function(conf, ctx) ctx.var.upstream_uri = ctx.var.uri .. "?key=" .. ngx.var.http_x_api_key end',
      ],
    ],
    expect: ['query-injection'],
  },
  {
    name: 'a cache for everybody',
    into: 'standalone-limits-and-cache.yaml',
    edit: [
      [
        [...plugins, 'proxy-cache', 'cache_key'],
        ['$host', '$request_uri'],
      ],
    ],
    expect: ['cache-without-identity'],
  },
  {
    name: 'a cache by the injected secret',
    into: 'standalone-limits-and-cache.yaml',
    edit: [
      [
        [...plugins, 'proxy-cache', 'cache_key'],
        ['$request_uri', '$http_authorization'],
      ],
    ],
    expect: ['cache-without-identity'],
  },
  {
    name: 'a cache of prompts',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...plugins, 'ai-cache'], { layers: ['exact'], redis_host: '127.0.0.1' }]],
    expect: ['cache-without-identity'],
  },
  {
    name: 'a limit by a header with hyphens',
    into: 'standalone-limits-and-cache.yaml',
    edit: [
      [[...auth, 'upstream_headers', 11], 'cfconsumer'],
      [[...auth, 'upstream_headers', 12], 'x-tenant'],
      [[...plugins, 'limit-count', 'key'], 'http_x_tenant'],
    ],
    expect: ['forgeable-key'],
  },
  {
    name: 'a limit by what the client writes',
    into: 'standalone-limits-and-cache.yaml',
    edit: [[[...plugins, 'limit-conn', 'key'], '$http_user $remote_addr']],
    expect: ['forgeable-key'],
  },
  {
    name: 'a limit by the injected secret',
    into: 'standalone-limits-and-cache.yaml',
    edit: [[[...plugins, 'limit-count', 'key'], 'http_authorization']],
    expect: ['forgeable-key'],
  },
  {
    name: 'a global limit by consumer',
    into: 'standalone-global-rules.yaml',
    edit: [
      [['global_rules', 1, 'plugins', 'limit-req', 'key'], 'http_cfconsumer'],
      [[...auth, 'upstream_headers', 12], 'cfconsumer'],
      [[...auth, 'upstream_headers', 11], 'cfcredential'],
      [[...auth, 'upstream_headers', 13], 'openai-organization'],
      [[...auth, 'upstream_headers', 14], 'openai-project'],
    ],
    expect: ['global-limit'],
  },
  {
    name: 'a route by the injected header',
    into: openai,
    edit: [
      [[...route, 'vars'], [['http_cfconsumer', '==', 'batch']]],
      [[...auth, 'upstream_headers', 12], 'cfconsumer'],
    ],
    expect: ['stale-variable'],
  },
  {
    name: 'everybody may say who the client is',
    into: 'standalone-global-rules.yaml',
    edit: [[['global_rules', 1, 'plugins', 'real-ip', 'trusted_addresses'], ['0.0.0.0/0']]],
    expect: ['real-ip-trust'],
  },
  {
    name: 'real-ip without trusted addresses',
    into: openai,
    edit: [[[...plugins, 'real-ip'], { source: 'http_x_forwarded_for' }]],
    expect: ['real-ip-trust'],
  },
  {
    name: 'real_ip_from everybody',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['nginx_config', 'http', 'real_ip_from'], ['0.0.0.0/0']]],
    expect: ['real-ip-trust'],
  },
  {
    name: 'one header for two providers',
    into: 'standalone-ai-proxy-multi.yaml',
    edit: [
      [[...plugins, 'ai-proxy-multi', 'instances', 1, 'provider'], 'deepseek'],
      [
        [...plugins, 'ai-proxy-multi', 'instances', 1, 'override', 'endpoint'],
        'https://api.deepseek.com/chat/completions',
      ],
    ],
    expect: ['ai-one-header'],
  },
  {
    name: 'ai-proxy with a key of its own',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...plugins, 'ai-proxy', 'auth', 'header'], { Authorization: 'Bearer ${{OPENAI_KEY}}' }]],
    expect: ['ai-own-auth'],
  },
  {
    name: 'ai-proxy that chooses the path by the body',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...plugins, 'ai-proxy', 'override'], undefined]],
    expect: ['ai-path'],
  },
  {
    name: 'an instance of ai-proxy-multi with a host alone',
    into: 'standalone-ai-proxy-multi.yaml',
    edit: [[[...plugins, 'ai-proxy-multi', 'instances', 1, 'override', 'endpoint'], 'https://api.openai.com']],
    expect: ['ai-path'],
  },
  {
    name: 'ai-proxy behind a route of many paths',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...route, 'uri'], '/v1/*']],
    expect: ['ai-path'],
  },
  // upstreams
  {
    name: 'http to the provider',
    into: openai,
    edit: [[[...route, 'upstream', 'scheme'], undefined]],
    expect: ['upstream-plain-http'],
  },
  {
    name: 'http to another machine of ours',
    into: 'standalone-ollama.yaml',
    edit: [[[...route, 'upstream', 'nodes', 0, 'host'], 'ollama.lan']],
    expect: ['upstream-plain-http'],
  },
  {
    name: 'http by ApisixUpstream',
    into: 'kubernetes-apisix-route.yaml',
    edit: [[[0, 'spec', 'scheme'], 'http']],
    expect: ['upstream-plain-http'],
  },
  {
    name: 'http by the missing policy',
    into: 'kubernetes-http-route.yaml',
    edit: [[[1, 'spec', 'scheme'], undefined]],
    expect: ['upstream-plain-http'],
  },
  {
    name: 'http in a split',
    into: 'standalone-traffic-split.yaml',
    edit: [[[...plugins, 'traffic-split', 'rules', 0, 'weighted_upstreams', 0, 'upstream', 'scheme'], 'http']],
    expect: ['upstream-plain-http'],
  },
  {
    name: 'http by ai-proxy',
    into: 'standalone-ai-proxy.yaml',
    edit: [[[...plugins, 'ai-proxy', 'override'], { endpoint: 'http://llm.example.com/v1/chat/completions' }]],
    expect: ['upstream-plain-http'],
  },
  {
    name: 'upstreams that nobody verifies',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['nginx_config', 'http_server_configuration_snippet'], undefined]],
    expect: ['upstream-tls-unverified'],
  },
  {
    name: 'the client’s host for the provider',
    into: openai,
    edit: [[[...route, 'upstream', 'pass_host'], undefined]],
    expect: ['pass-host'],
  },
  {
    name: 'the client’s host in an upstream of its own',
    into: 'standalone-plugin-config.yaml',
    edit: [[['upstreams', 0, 'pass_host'], 'pass']],
    expect: ['pass-host'],
  },
  // routes
  {
    name: 'an open path inside the guarded one',
    into: 'standalone-health-check.yaml',
    edit: [
      [
        ['routes', 1],
        {
          id: 'models',
          uri: '/openai/v1/models',
          upstream: { type: 'roundrobin', scheme: 'https', pass_host: 'node', nodes: { 'api.openai.com:443': 1 } },
        },
      ],
    ],
    expect: ['route-shadowed'],
  },
  {
    name: 'an open route of a higher priority',
    into: 'standalone-health-check.yaml',
    edit: [
      [
        ['routes', 1],
        {
          id: 'legacy',
          uri: '/openai/*',
          priority: 10,
          upstream: { type: 'roundrobin', scheme: 'https', pass_host: 'node', nodes: { 'api.openai.com:443': 1 } },
        },
      ],
    ],
    expect: ['route-shadowed'],
  },
  {
    name: 'an open catch-all',
    into: 'standalone-website.yaml',
    edit: [[['routes', 1, 'hosts'], undefined]],
    expect: ['open-fallback'],
  },
  {
    name: 'two routes with one path',
    into: 'standalone-four-providers.yaml',
    edit: [[['routes', 1, 'uri'], '/openai/*']],
    expect: ['route-duplicate'],
  },
  {
    name: 'two routes with one id',
    into: 'standalone-four-providers.yaml',
    edit: [[['routes', 1, 'id'], 'openai']],
    expect: ['duplicate-id'],
  },
  {
    name: 'a service that is not there',
    into: 'standalone-service.yaml',
    edit: [[['routes', 1, 'service_id'], 'llms']],
    expect: ['dropped-route'],
  },
  {
    name: 'a plugin_config that is not there',
    into: 'standalone-plugin-config.yaml',
    edit: [[[...route, 'plugin_config_id'], 'credential-flow']],
    expect: ['dropped-route'],
  },
  {
    name: 'a number in extra_headers',
    into: openai,
    edit: [[[...auth, 'extra_headers', 'X-Version'], 2]],
    expect: ['dropped-route'],
  },
  { name: 'a time-out as text', into: openai, edit: [[[...auth, 'timeout'], '1500ms']], expect: ['dropped-route'] },
  { name: 'a path without a slash', into: openai, edit: [[[...route, 'uri'], 'openai/*']], expect: ['dropped-route'] },
  {
    name: 'a catch-all route of an ingress controller',
    into: 'kubernetes-inline',
    file: 'routes.yaml',
    edit: [
      [
        [0, 'spec', 'http', 1],
        { name: 'open', match: { paths: ['/*'] }, backends: [{ serviceName: 'mistral-external', servicePort: 443 }] },
      ],
    ],
    expect: ['open-fallback'],
  },
  {
    name: 'a service of ADC without labels',
    into: 'adc.yaml',
    edit: [[['services', 0, 'labels'], undefined]],
    expect: ['adc-labels'],
  },
  {
    name: 'ssl_verify: false, though over http',
    into: openai,
    edit: [[[...auth, 'ssl_verify'], false]],
    expect: ['ssl-verify'],
  },
  {
    name: 'a check of upstreams that is switched off',
    into: 'with-config',
    file: 'config.yaml',
    edit: [[['nginx_config', 'http_server_configuration_snippet'], 'proxy_ssl_verify off;']],
    expect: ['upstream-tls-unverified'],
  },
  {
    name: 'a workflow by a header that can be forged',
    into: 'standalone-limits-and-cache.yaml',
    edit: [
      [[...auth, 'upstream_headers', 11], 'x-tier'],
      [
        [...plugins, 'workflow'],
        { rules: [{ case: [['http_x_tier', '==', 'gold']], actions: [['return', { code: 403 }]] }] },
      ],
    ],
    expect: ['forgeable-key'],
  },
  {
    name: 'the secret in a trace',
    into: openai,
    edit: [[[...plugins, 'opentelemetry'], { additional_header_prefix_attributes: ['authorization'] }]],
    expect: ['secret-variable'],
  },
  {
    name: 'an open rule to a Service that is defined elsewhere',
    into: 'kubernetes-http-route.yaml',
    edit: [
      [
        [3, 'spec', 'rules', 1],
        {
          matches: [{ path: { type: 'Exact', value: '/anthropic/v1/models' } }],
          backendRefs: [{ name: 'elsewhere', port: 80 }],
        },
      ],
    ],
    expect: ['route-shadowed'],
  },
];
