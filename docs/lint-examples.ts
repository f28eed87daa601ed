/** For each rule of `apisix lint` a configuration that fires it and one that does not; test/gateway/lint runs them. */
export interface LintExample {
  readonly failing: string;
  readonly passing: string;
}

const indent = (text: string, by: number): string => text.replace(/^(?=.)/gm, ' '.repeat(by));

/** A route whose forward-auth has these lines. */
function question(lines: string, { route = '', beside = '' } = {}): string {
  return `routes:
  - id: openai
    uri: /openai/*
${indent(route, 4)}${route === '' ? '' : '\n'}    plugins:
      forward-auth:
        uri: http://127.0.0.1:9280/api/auth
${indent(lines, 8)}${lines === '' ? '' : '\n'}${indent(beside, 6)}${beside === '' ? '' : '\n'}#END
`;
}

/** A guarded route with this plugin beside the question. */
function beside(plugin: string, lines = 'upstream_headers: [authorization, cfcredential]'): string {
  return question(lines, { beside: plugin });
}

function guarded(route: string): string {
  return question('extra_headers: { X-CF-Route: $route_id }', { route });
}

/** A second file of the same configuration: config.yaml. */
function withConfig(config: string): string {
  return `# config.yaml
${config}
---
# apisix.yaml
${question('', { route: 'upstream: { scheme: https, pass_host: node, nodes: { "api.openai.com:443": 1 } }' })}`;
}

const slots = 'authorization, x-api-key, api-key, x-goog-api-key';
const steering = 'x-http-method-override, x-http-method, x-method-override, x-original-url, x-rewrite-url';
const format = 'log_format: { request_id: $request_id, credential: $http_cfcredential, status: $status }';
const open = 'upstream: { nodes: { "web.internal:8080": 1 } }';

const manifest = (uri: string, headers: string): string => `apiVersion: apisix.apache.org/v2
kind: ApisixRoute
metadata: { name: openai }
spec:
  http:
    - name: all
      match: { paths: [/openai/*] }
      backends: [{ serviceName: openai, servicePort: 443 }]
      plugins:
        - name: forward-auth
          enable: true
          config:
            uri: ${uri}
            extra_headers: { ${headers} }
`;

const globalRule = (plugin: string): string => `${question('').replace(/#END\n$/, '')}global_rules:
  - id: edge
    plugins:
${indent(plugin, 6)}
#END
`;

export const lintExamples: Readonly<Record<string, LintExample>> = {
  'version-floor': {
    failing: `services:\n  apisix:\n    image: apache/apisix:3.15.0-debian\n`,
    passing: `services:\n  apisix:\n    image: apache/apisix:3.18.0-debian\n`,
  },
  'plugin-not-enabled': {
    failing: withConfig('plugins: [proxy-rewrite, prometheus]'),
    passing: withConfig('plugins: [proxy-rewrite, forward-auth, prometheus]'),
  },
  'auth-uri': {
    failing: question('').replace('http://127.0.0.1:9280/api/auth', 'unix:/run/credentialflow.sock'),
    passing: question(''),
  },
  'auth-plain-http': {
    failing: question('').replace('127.0.0.1', 'credentialflow.example.net'),
    passing: question('').replace('http://127.0.0.1', 'https://credentialflow.example.net'),
  },
  'ssl-verify': {
    failing: question('ssl_verify: false').replace('http://127.0.0.1', 'https://credentialflow.example.net'),
    passing: question('ssl_verify: true').replace('http://127.0.0.1', 'https://credentialflow.example.net'),
  },
  'auth-timeout': { failing: question('timeout: 300'), passing: question('timeout: 1500') },
  'keepalive-pool': { failing: question('keepalive_pool: 5'), passing: question('keepalive_pool: 320') },
  'keepalive-pool-differs': {
    failing: `services:
  - id: a
    plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth', keepalive_pool: 320 } }
  - id: b
    plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth', keepalive_pool: 64 } }
#END
`,
    passing: `services:
  - id: a
    plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth', keepalive_pool: 320 } }
  - id: b
    plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth', keepalive_pool: 320 } }
#END
`,
  },
  'request-method-post': { failing: question('request_method: POST'), passing: question('request_method: GET') },
  'question-reads-body': {
    failing: question('extra_headers: { X-Model: $post_arg.model }'),
    passing: question('extra_headers: { X-CF-Route: $route_id, X-CF-Arg-model: $post_arg.model }'),
  },
  'condition-not-passed': {
    failing: question('# with -f resources.yaml, where a policy has `when: request.model == "gpt-5-mini"`'),
    passing: question('extra_headers: { X-CF-Route: $route_id, X-CF-Arg-model: $post_arg.model }'),
  },
  'gateway-key-missing': {
    failing: question('extra_headers: { X-CF-Route: $route_id }'),
    passing: question("extra_headers: { X-CF-Gateway-Key: '${{CREDENTIALFLOW_GATEWAY_KEY}}', X-CF-Route: $route_id }"),
  },
  'literal-key': {
    failing: question('extra_headers: { X-CF-Gateway-Key: 0123456789abcdefghijklmnopqrstuv }'),
    passing: question("extra_headers: { X-CF-Gateway-Key: '${{CREDENTIALFLOW_GATEWAY_KEY}}' }"),
  },
  'env-reference': {
    failing: question("extra_headers: { X-CF-Gateway-Key: 'key $env://CREDENTIALFLOW_GATEWAY_KEY' }"),
    passing: question("extra_headers: { X-CF-Gateway-Key: '$env://CREDENTIALFLOW_GATEWAY_KEY' }"),
  },
  'template-elsewhere': {
    failing: manifest('http://127.0.0.1:9280/api/auth/openai', "X-CF-Gateway-Key: '${{CREDENTIALFLOW_GATEWAY_KEY}}'"),
    passing: manifest('http://127.0.0.1:9280/api/auth/openai', "X-CF-Gateway-Key: '$env://CREDENTIALFLOW_GATEWAY_KEY'"),
  },
  'question-without-route': {
    failing: question('extra_headers: { X-CF-Request-Id: $request_id }'),
    passing: question('extra_headers: { X-CF-Route: $route_id }'),
  },
  'generated-route-id': {
    failing: manifest('http://127.0.0.1:9280/api/auth', 'X-CF-Route: $route_id'),
    passing: manifest('http://127.0.0.1:9280/api/auth/openai', 'X-CF-Request-Id: $request_id'),
  },
  'question-forgeable': {
    failing: question('extra_headers: { X-CF-Route: $http_x_route }'),
    passing: question('extra_headers: { X-CF-Route: $route_id }'),
  },
  'question-without-raw-uri': {
    failing: question('extra_headers: { X-CF-Route: $route_id }'),
    passing: question('extra_headers: { X-CF-Route: $route_id, X-CF-Raw-Uri: $real_request_uri }'),
  },
  'rewrite-without-upstream-uri': {
    failing: beside(
      'proxy-rewrite: { regex_uri: ["^/openai/(.*)", "/$1"] }',
      'extra_headers: { X-CF-Route: $route_id }',
    ),
    passing: beside(
      'proxy-rewrite: { regex_uri: ["^/openai/(.*)", "/$1"] }',
      'extra_headers: { X-CF-Route: $route_id, X-CF-Upstream-Uri: $upstream_uri }',
    ),
  },
  'request-headers-slot': {
    failing: question('request_headers: [authorization]'),
    passing: question(`request_headers: [${slots}]`),
  },
  'request-headers-forbidden': {
    failing: question(`request_headers: [${slots}, x-forwarded-uri]`),
    passing: question(`request_headers: [${slots}, traceparent]`),
  },
  'rewrite-overwrites-token': {
    failing: beside('proxy-rewrite: { headers: { set: { Authorization: Bearer abc } } }'),
    passing: beside('proxy-rewrite: { headers: { set: { X-Team: search } } }'),
  },
  'double-auth': {
    failing: globalRule('forward-auth: { uri: "http://127.0.0.1:9280/api/auth" }'),
    passing: globalRule('prometheus: { prefer_name: true }'),
  },
  'consumer-overrides-auth': {
    failing: question('').replace(
      '#END',
      `consumers:
  - username: partner
    plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth' } }
#END`,
    ),
    passing: question('').replace(
      '#END',
      `consumers:
  - username: partner
    plugins: { key-auth: { key: '$env://PARTNER_KEY' } }
#END`,
    ),
  },
  degradation: { failing: question('allow_degradation: true'), passing: question('allow_degradation: false') },
  'status-on-error': { failing: question('status_on_error: 403'), passing: question('status_on_error: 503') },
  'upstream-headers-slot': {
    failing: question('upstream_headers: [authorization]'),
    passing: question(`upstream_headers: [${slots}]`),
  },
  'upstream-headers-steering': {
    failing: question(`upstream_headers: [${slots}]`),
    passing: question(`upstream_headers: [${slots}, ${steering}]`),
  },
  'upstream-headers-marker': {
    failing: question(`upstream_headers: [${slots}]`),
    passing: question(`upstream_headers: [${slots}, cfcredential]`),
  },
  'upstream-headers-forbidden': {
    failing: question(`upstream_headers: [${slots}, content-length]`),
    passing: question(`upstream_headers: [${slots}, cfcredential]`),
  },
  'upstream-headers-case': {
    failing: question('upstream_headers: [Authorization]'),
    passing: question('upstream_headers: [authorization]'),
  },
  'client-headers': {
    failing: question('client_headers: [location]'),
    passing: question('client_headers: [content-type, www-authenticate, retry-after, x-should-retry]'),
  },
  'client-headers-secret': {
    failing: question('client_headers: [content-type, authorization]'),
    passing: question('client_headers: [content-type, www-authenticate]'),
  },
  'meta-disable': { failing: question('_meta: { disable: true }'), passing: question('') },
  'meta-filter': {
    failing: question("_meta: { filter: [[arg_internal, '!=', '1']] }"),
    passing: question('_meta: { filter: [] }'),
  },
  'meta-priority': { failing: question('_meta: { priority: 10 }'), passing: question('') },
  'meta-error-response': { failing: question('_meta: { error_response: { message: no } }'), passing: question('') },
  'meta-pre-function': {
    failing: question('_meta: { pre_function: "return function(conf, ctx) end" }'),
    passing: question(''),
  },
  'logger-default-format': {
    failing: beside('file-logger: { path: logs/ai.log }'),
    passing: beside(`file-logger: { path: logs/ai.log, ${format} }`),
  },
  'logger-secret-variable': {
    failing: beside('file-logger: { path: logs/ai.log, log_format: { key: $http_authorization, path: $request_uri } }'),
    passing: beside('file-logger: { path: logs/ai.log, log_format: { key: $http_cfcredential, path: $uri } }'),
  },
  'logger-body': {
    failing: beside(`file-logger: { path: logs/ai.log, include_req_body: true, ${format} }`),
    passing: beside(`file-logger: { path: logs/ai.log, include_req_body: false, ${format} }`),
  },
  'global-logger-before-mask': {
    failing: `${beside('data-mask: { request: [{ type: header, name: authorization, action: remove }] }').replace('#END\n', '')}global_rules:
  - id: logs
    plugins:
      file-logger: { path: logs/all.log }
#END
`,
    passing: `${beside('').replace('#END\n', '')}global_rules:
  - id: logs
    plugins:
      file-logger: { path: logs/all.log, ${format} }
      data-mask: { request: [{ type: header, name: authorization, action: remove }] }
#END
`,
  },
  'logger-plain-http': {
    failing: beside(`http-logger: { uri: 'http://logs.example.com', auth_header: '$env://LOGS', ${format} }`),
    passing: beside(
      `http-logger: { uri: 'https://logs.example.com', ssl_verify: true, auth_header: '$env://LOGS', ${format} }`,
    ),
  },
  'log-receiver': {
    failing: beside('http-logger: { uri: "http://127.0.0.1:9280/api/logs", log_format: { status: $status } }'),
    passing: beside(
      `http-logger: { uri: 'http://127.0.0.1:9280/api/logs', auth_header: 'Bearer \${{CREDENTIALFLOW_LOG_KEY}}', ${format} }`,
    ),
  },
  'access-log-format': {
    failing: withConfig(`nginx_config:\n  http:\n    access_log_format: '$remote_addr "$request" $http_authorization'`),
    passing: withConfig(`nginx_config:\n  http:\n    access_log_format: '$remote_addr "$request_method $uri" $status'`),
  },
  'error-log-level': {
    failing: withConfig('nginx_config:\n  error_log_level: info'),
    passing: withConfig('nginx_config:\n  error_log_level: warn'),
  },
  'proxy-mirror': {
    failing: beside('proxy-mirror: { host: "http://shadow.internal" }'),
    passing: beside('prometheus: {}'),
  },
  'secret-to-other-service': {
    failing: beside('opa: { host: "http://127.0.0.1:8181", policy: gateway }'),
    passing: beside('opa: { host: "http://127.0.0.1:8181", policy: gateway, _meta: { priority: 2100 } }'),
  },
  'secret-variable': {
    failing: beside('response-rewrite: { headers: { set: { X-Debug: $http_authorization } } }'),
    passing: beside('response-rewrite: { headers: { set: { X-Route: $route_id } } }'),
  },
  'secret-label': {
    failing: withConfig(
      'plugin_attr:\n  prometheus:\n    metrics:\n      http_status: { extra_labels: [{ key: $http_x_api_key }] }',
    ),
    passing: withConfig(
      'plugin_attr:\n  prometheus:\n    metrics:\n      http_status: { extra_labels: [{ credential: $http_cfcredential }] }',
    ),
  },
  'query-injection': {
    failing: beside(
      'serverless-post-function: { functions: ["return function(conf, ctx) ctx.var.upstream_uri = \'/x?key=\' .. key end"] }',
    ),
    passing: beside(
      'serverless-post-function: { functions: ["return function(conf, ctx) ngx.req.set_uri_args({key = key}) end"] }',
    ),
  },
  'cache-without-identity': {
    failing: beside('proxy-cache: { cache_key: [$host, $request_uri] }'),
    passing: beside('proxy-cache: { cache_key: [$host, $request_uri, $http_cfconsumer] }'),
  },
  'forgeable-key': {
    failing: beside('limit-count: { count: 10, time_window: 1, key: http_x_user }'),
    passing: beside(
      'limit-count: { count: 10, time_window: 1, key: http_cfconsumer }',
      'upstream_headers: [authorization, cfcredential, cfconsumer]',
    ),
  },
  'global-limit': {
    failing: globalRule('limit-count: { count: 10, time_window: 1, key: http_cfconsumer }'),
    passing: globalRule('limit-count: { count: 10, time_window: 1, key: remote_addr }'),
  },
  'stale-variable': {
    failing: guarded("vars: [[http_cfconsumer, '==', batch]]"),
    passing: guarded("vars: [[arg_version, '==', '2']]"),
  },
  'real-ip-trust': {
    failing: beside('real-ip: { source: http_x_forwarded_for, trusted_addresses: [0.0.0.0/0] }'),
    passing: beside('real-ip: { source: http_x_forwarded_for, trusted_addresses: [10.0.0.0/24] }'),
  },
  'ai-one-header': {
    failing: beside('ai-proxy-multi: { instances: [{ provider: openai }, { provider: anthropic }] }'),
    passing: beside(
      'ai-proxy-multi: { instances: [{ provider: openai, weight: 1 }, { provider: openai, weight: 9 }] }',
    ),
  },
  'ai-own-auth': {
    failing: beside('ai-proxy: { provider: openai, auth: { header: { Authorization: $env://OPENAI } } }'),
    passing: beside('ai-proxy: { provider: openai, auth: { header: {} } }'),
  },
  'ai-path': {
    failing: beside('ai-proxy: { provider: openai, auth: { header: {} } }'),
    passing: beside(
      'ai-proxy: { provider: openai, auth: { header: {} }, override: { endpoint: https://api.openai.com/v1/chat/completions } }',
    ).replace('uri: /openai/*', 'uri: /openai/v1/chat/completions'),
  },
  'upstream-plain-http': {
    failing: guarded('upstream: { nodes: { "api.openai.com:443": 1 } }'),
    passing: guarded('upstream: { scheme: https, nodes: { "api.openai.com:443": 1 } }'),
  },
  'upstream-tls-unverified': {
    failing: withConfig('nginx_config:\n  http:\n    underscores_in_headers: "off"'),
    passing: withConfig('nginx_config:\n  http_server_configuration_snippet: proxy_ssl_verify on;'),
  },
  'pass-host': {
    failing: guarded('upstream: { scheme: https, nodes: { "api.openai.com:443": 1 } }'),
    passing: guarded('upstream: { scheme: https, pass_host: node, nodes: { "api.openai.com:443": 1 } }'),
  },
  'route-shadowed': {
    failing: question('').replace('#END', `  - id: models\n    uri: /openai/v1/models\n    ${open}\n#END`),
    passing: question('').replace('#END', `  - id: models\n    uri: /models\n    ${open}\n#END`),
  },
  'open-fallback': {
    failing: question('').replace('#END', `  - id: web\n    uri: /*\n    ${open}\n#END`),
    passing: question('').replace('#END', `  - id: web\n    uri: /shop/*\n    ${open}\n#END`),
  },
  'route-duplicate': {
    failing: question('').replace('#END', `  - id: other\n    uri: /openai/*\n    ${open}\n#END`),
    passing: question('').replace('#END', `  - id: other\n    uri: /other/*\n    ${open}\n#END`),
  },
  'duplicate-id': {
    failing: question('').replace('#END', `  - id: openai\n    uri: /shop/*\n    ${open}\n#END`),
    passing: question('').replace('#END', `  - id: shop\n    uri: /shop/*\n    ${open}\n#END`),
  },
  'dropped-route': { failing: question('timeout: 1500ms'), passing: question('timeout: 1500') },
  'missing-end': { failing: question('').replace('#END\n', ''), passing: question('') },
  'ingress-annotations': {
    failing: `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: openai
  annotations:
    k8s.apisix.apache.org/auth-uri: http://127.0.0.1:9280/api/auth/openai
`,
    passing: manifest('http://127.0.0.1:9280/api/auth/openai', "X-CF-Gateway-Key: '$env://CREDENTIALFLOW_GATEWAY_KEY'"),
  },
  'unknown-upstream': {
    failing: question('').replace('/api/auth', '/api/auth/opnai'),
    passing: question('').replace('/api/auth', '/api/auth/openai'),
  },
  'adc-labels': {
    failing: `services:
  - name: openai
    routes:
      - name: all
        uris: [/openai/*]
        plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth/openai' } }
`,
    passing: `services:
  - name: openai
    labels: { managed-by: credentialflow }
    routes:
      - name: all
        uris: [/openai/*]
        plugins: { forward-auth: { uri: 'http://127.0.0.1:9280/api/auth/openai' } }
`,
  },
};
