import { parse } from 'yaml';
import { z } from 'zod';
import { aiProviders } from '../../../sidecar/core/resources.ts';

/** What the stand-in understands of apisix.yaml. A plugin or field that it does not know is an error, not ignored. */

const corsSchema = z.strictObject({
  allow_origins: z.string().default('*'),
  allow_methods: z.string().default('*'),
  allow_headers: z.string().default('*'),
  expose_headers: z.string().optional(),
  max_age: z.int().default(5),
  allow_credential: z.literal(false).default(false),
});

const proxyRewriteSchema = z.strictObject({
  uri: z.string().startsWith('/').optional(),
  regex_uri: z.tuple([z.string(), z.string()]).optional(),
  use_real_request_uri_unsafe: z.boolean().default(false),
});

const forwardAuthSchema = z.strictObject({
  uri: z.url(),
  // POST would hold back the client's whole body; the product never asks that way.
  request_method: z.literal('GET').default('GET'),
  request_headers: z.array(z.string()).default([]),
  upstream_headers: z.array(z.string()).default([]),
  client_headers: z.array(z.string()).default([]),
  extra_headers: z.record(z.string(), z.string()).default({}),
  timeout: z.int().min(1).max(60_000).default(3_000),
  keepalive: z.boolean().default(true),
  keepalive_pool: z.int().min(1).default(5),
  keepalive_timeout: z.int().min(1_000).default(60_000),
  status_on_error: z.int().min(200).max(599).default(403),
  allow_degradation: z.boolean().default(false),
});

const limitCountSchema = z.strictObject({
  count: z.int().min(1),
  time_window: z.int().min(1),
  key_type: z.literal('var').default('var'),
  key: z.string().default('remote_addr'),
  policy: z.literal('local').default('local'),
  rejected_code: z.int().min(200).max(599).default(503),
  allow_degradation: z.boolean().default(false),
  show_limit_quota_header: z.boolean().default(true),
});

const aiProxySchema = z.strictObject({
  provider: z.enum(aiProviders),
  auth: z.strictObject({ header: z.record(z.string(), z.string()).default({}) }),
  options: z.record(z.string(), z.unknown()).default({}),
  override: z.strictObject({
    // With scheme and host alone the plugin would choose a path; the product never lets it.
    endpoint: z.url().refine((endpoint) => new URL(endpoint).pathname !== '/', 'must have a path'),
    request_body_force_override: z.boolean().default(false),
  }),
  ssl_verify: z.boolean().default(true),
  timeout: z.int().min(1).max(600_000).default(30_000),
  keepalive: z.boolean().default(true),
  keepalive_pool: z.int().min(1).default(30),
  // Payloads would put prompts into every logger's default entry.
  logging: z.strictObject({ summaries: z.literal(false), payloads: z.literal(false) }).optional(),
});

const postFunctionSchema = z.strictObject({
  phase: z.literal('access').default('access'),
  functions: z.array(z.string()).min(1),
});

export interface LogFormat {
  readonly [name: string]: string | LogFormat;
}

const logFormatSchema: z.ZodType<LogFormat> = z.lazy(() =>
  z.record(z.string(), z.union([z.string(), logFormatSchema])),
);

const httpLoggerSchema = z.strictObject({
  uri: z.url(),
  auth_header: z.string().optional(),
  timeout: z.int().min(1).default(3),
  batch_max_size: z.int().min(1).default(1_000),
  inactive_timeout: z.int().min(1).default(5),
  buffer_duration: z.int().min(1).default(60),
  max_retry_count: z.int().min(0).default(0),
  retry_delay: z.int().min(0).default(1),
  include_req_body: z.literal(false).default(false),
  include_resp_body: z.literal(false).default(false),
  // Without one, the entry holds the request headers after injection: the product never does that, others do.
  log_format: logFormatSchema.optional(),
});

const upstreamSchema = z.strictObject({
  type: z.literal('roundrobin').default('roundrobin'),
  scheme: z.enum(['http', 'https']).default('http'),
  pass_host: z.enum(['pass', 'node']).default('pass'),
  nodes: z
    .array(z.strictObject({ host: z.string(), port: z.int().optional(), weight: z.int() }))
    .min(1)
    .max(1),
  timeout: z.strictObject({ connect: z.number(), send: z.number(), read: z.number() }).optional(),
});

const routeSchema = z.strictObject({
  id: z.string(),
  name: z.string().optional(),
  labels: z.record(z.string(), z.string().regex(/^\S+$/)).optional(),
  uri: z.string().startsWith('/').optional(),
  uris: z.array(z.string().startsWith('/')).optional(),
  host: z.string().optional(),
  hosts: z.array(z.string()).optional(),
  methods: z.array(z.string()).optional(),
  priority: z.int().default(0),
  plugins: z
    .strictObject({
      cors: corsSchema.optional(),
      'proxy-rewrite': proxyRewriteSchema.optional(),
      'forward-auth': forwardAuthSchema.optional(),
      'ai-proxy': aiProxySchema.optional(),
      'limit-count': limitCountSchema.optional(),
      'serverless-post-function': postFunctionSchema.optional(),
      'http-logger': httpLoggerSchema.optional(),
      // Counts in the gateway's own metrics; nothing of the exchange depends on it.
      prometheus: z.strictObject({ prefer_name: z.boolean().default(false) }).optional(),
    })
    .default({}),
  upstream: upstreamSchema,
});

const fileSchema = z.strictObject({ routes: z.array(routeSchema) });

export type Route = z.infer<typeof routeSchema>;
export type Cors = z.infer<typeof corsSchema>;
export type ProxyRewrite = z.infer<typeof proxyRewriteSchema>;
export type ForwardAuth = z.infer<typeof forwardAuthSchema>;
export type AiProxyPlugin = z.infer<typeof aiProxySchema>;
export type LimitCount = z.infer<typeof limitCountSchema>;
export type HttpLogger = z.infer<typeof httpLoggerSchema>;

/** Reads apisix.yaml as the gateway does when it starts: `#END`, then `${{NAME}}` from the environment. */
export function readRoutes(yaml: string, env: Readonly<Record<string, string | undefined>>): readonly Route[] {
  if (!/#END\s*$/.test(yaml)) throw new Error('apisix.yaml does not end with #END: APISIX would ignore it');
  const routes = fileSchema.parse(resolveVariables(parse(yaml), env)).routes;
  const ids = routes.map((route) => route.id);
  const repeated = ids.find((id, at) => ids.indexOf(id) !== at);
  if (repeated !== undefined) throw new Error(`two routes have the id ${repeated}`);
  return routes;
}

function resolveVariables(value: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\$\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => {
      const found = env[name];
      if (found === undefined) throw new Error(`can't find environment variable ${name}`);
      return found;
    });
  }
  if (Array.isArray(value)) return value.map((item) => resolveVariables(item, env));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolveVariables(item, env)]));
}
