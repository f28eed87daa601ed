/**
 * What the API server of Kubernetes and ADC take of what is rendered, as JSON Schema; a field that is not here is an error, as it is
 * to `kubectl apply` and `adc lint`. Written down from, and no copy of:
 * - apache/apisix-ingress-controller 2.x, config/crd/bases (Apache-2.0): apisixroutes at 0388fabd, apisixupstreams at 02ed9c38,
 *   apisixpluginconfigs at 16f9d609, pluginconfigs at 53260284, backendtrafficpolicies at 081bdda9
 * - kubernetes-sigs/gateway-api, config/crd/standard (Apache-2.0): httproutes at fea43344, whose bounds are those of v1 in
 *   @kubernetes-models/gateway-api 2.0.0; the rules for paths are those of HTTPPathMatch
 * - Kubernetes' core/v1 Service of type ExternalName
 * - api7/adc, apps/cli/src/linter/schema.ts at 08e64c01 (Apache-2.0)
 * What is inside a plugin, apisix-3.18-schemas.json judges: the controller and ADC take anything there.
 */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
const whole: Schema = { type: 'integer' };
const port: Schema = { type: 'integer', minimum: 1, maximum: 65_535 };
const anything: Schema = { type: 'object' };
const oneOf = (...values: readonly string[]): Schema => ({ enum: values });
const matching = (pattern: string, maxLength: number): Schema => ({ type: 'string', pattern, minLength: 1, maxLength });
const listOf = (items: Schema, minItems: number, maxItems: number): Schema => ({
  type: 'array',
  items,
  minItems,
  maxItems,
});
/** Names that end with `?` may be absent. */
const objectOf = (fields: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name.replace('?', ''), schema])),
  required: Object.keys(fields).filter((name) => !name.endsWith('?')),
});

const unbounded = Number.MAX_SAFE_INTEGER;
const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const domainName = matching(`^(\\*\\.)?${label}(\\.${label})*$`, 253);
const objectName = matching(`^${label}(\\.${label})*$`, 253);
const seconds = matching('^[0-9]+s$', 16);
const durations = objectOf({ connect: seconds, send: seconds, read: seconds });
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;

const metadata = objectOf({
  name: objectName,
  'namespace?': matching(`^${label}$`, 63),
  labels: { type: 'object', additionalProperties: matching('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$', 63) },
});
const kubernetes = (apiVersion: string, kind: string, spec: Schema): Schema =>
  objectOf({ apiVersion: oneOf(apiVersion), kind: oneOf(kind), metadata, spec });

const httpRoute = objectOf({
  parentRefs: listOf(objectOf({ name: objectName }), 1, 32),
  'hostnames?': listOf(domainName, 1, 16),
  rules: listOf(
    objectOf({
      matches: listOf(
        objectOf({
          path: objectOf({
            type: oneOf('Exact', 'PathPrefix', 'RegularExpression'),
            value: {
              ...matching("^/([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$", 1_024),
              not: { pattern: '//|/\\.\\.?(/|$)|%2[fF]|#' },
            },
          }),
          'method?': oneOf(...methods),
        }),
        1,
        64,
      ),
      filters: listOf(
        objectOf({
          type: oneOf('ExtensionRef'),
          extensionRef: objectOf({
            group: oneOf('apisix.apache.org'),
            kind: oneOf('PluginConfig'),
            name: objectName,
          }),
        }),
        1,
        16,
      ),
      backendRefs: listOf(objectOf({ name: objectName, port }), 1, 16),
    }),
    1,
    16,
  ),
});

const apisixRoute = objectOf({
  ingressClassName: text,
  http: listOf(
    objectOf({
      name: text,
      match: objectOf({
        'hosts?': listOf(text, 1, unbounded),
        'methods?': listOf(oneOf(...methods), 1, unbounded),
        paths: listOf(matching('^/', 4_096), 1, unbounded),
      }),
      plugin_config_name: objectName,
      upstreams: listOf(objectOf({ name: objectName }), 1, unbounded),
    }),
    1,
    unbounded,
  ),
});

const apisixUpstream = objectOf({
  ingressClassName: text,
  externalNodes: listOf(objectOf({ type: oneOf('Domain', 'Service'), name: text, port, weight: whole }), 1, unbounded),
  scheme: oneOf('http', 'https', 'grpc', 'grpcs'),
  passHost: oneOf('pass', 'node', 'rewrite'),
  timeout: durations,
});

const backendTrafficPolicy = objectOf({
  targetRefs: listOf(objectOf({ group: oneOf(''), kind: oneOf('Service'), name: objectName }), 1, 16),
  scheme: oneOf('http', 'https', 'grpc', 'grpcs'),
  passHost: oneOf('pass', 'node', 'rewrite'),
  upstreamHost: domainName,
  timeout: durations,
});

const externalName = objectOf({
  type: oneOf('ExternalName'),
  // Of a Service it is the target of a CNAME: no wildcard.
  externalName: objectName,
  ports: listOf(objectOf({ name: matching(`^${label}$`, 63), port }), 1, unbounded),
});

const plugins = { type: 'object', additionalProperties: anything };
const labels = { type: 'object', additionalProperties: text };
const positive: Schema = { type: 'number', exclusiveMinimum: 0 };
const adcRoute = objectOf({
  name: text,
  labels,
  uris: listOf(text, 1, unbounded),
  'hosts?': listOf(text, 1, unbounded),
  'methods?': listOf(oneOf(...methods, 'PURGE'), 1, unbounded),
  plugins,
});
const adcUpstream = objectOf({
  type: oneOf('roundrobin', 'chash', 'least_conn', 'ewma'),
  scheme: oneOf('grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'udp', 'kafka'),
  pass_host: oneOf('pass', 'node', 'rewrite'),
  nodes: listOf(objectOf({ host: text, port, weight: { type: 'integer', minimum: 0 } }), 1, unbounded),
  timeout: objectOf({ connect: positive, send: positive, read: positive }),
});

/** By kind; `adc` is the whole file. */
export const manifestSchemas: Readonly<Record<string, Schema>> = {
  HTTPRoute: kubernetes('gateway.networking.k8s.io/v1', 'HTTPRoute', httpRoute),
  PluginConfig: kubernetes(
    'apisix.apache.org/v1alpha1',
    'PluginConfig',
    objectOf({ plugins: listOf(objectOf({ name: text, config: anything }), 1, unbounded) }),
  ),
  BackendTrafficPolicy: kubernetes('apisix.apache.org/v1alpha1', 'BackendTrafficPolicy', backendTrafficPolicy),
  Service: kubernetes('v1', 'Service', externalName),
  ApisixRoute: kubernetes('apisix.apache.org/v2', 'ApisixRoute', apisixRoute),
  ApisixUpstream: kubernetes('apisix.apache.org/v2', 'ApisixUpstream', apisixUpstream),
  ApisixPluginConfig: kubernetes(
    'apisix.apache.org/v2',
    'ApisixPluginConfig',
    objectOf({
      ingressClassName: text,
      plugins: listOf(objectOf({ name: text, enable: { type: 'boolean' }, config: anything }), 1, unbounded),
    }),
  ),
  adc: objectOf({
    services: listOf(
      objectOf({ name: text, labels, upstream: adcUpstream, routes: listOf(adcRoute, 1, unbounded) }),
      1,
      unbounded,
    ),
  }),
};
