import type { ConditionReads } from '../../core/condition-reads.ts';
import type { Preset } from '../../core/preset.ts';
import type { CredentialSpec, UpstreamSpec } from '../../core/resources.ts';
import { findConflicts } from './conflicts.ts';
import type { GatewayConfiguration, GatewayNode, GatewayPlugin, GatewayRoute } from './gateway-configuration.ts';
import { aiProxy } from './plugins/ai-proxy.ts';
import { cors } from './plugins/cors.ts';
import { forwardAuth } from './plugins/forward-auth.ts';
import { httpLogger } from './plugins/http-logger.ts';
import { limitCount } from './plugins/limit-count.ts';
import { proxyRewrite } from './plugins/proxy-rewrite.ts';
import { secretInQuery } from './plugins/secret-in-query.ts';
import type { Wiring } from './wiring.ts';

/** The resources that a gateway's configuration is made from. */
export interface RenderSource {
  readonly upstreams: readonly { readonly id: string; readonly spec: UpstreamSpec }[];
  /** They may pin headers. */
  readonly credentials: readonly CredentialSpec[];
  /** What the conditions of policies over an upstream read. */
  reads(upstreamId: string): ConditionReads;
}

export interface BuildOptions {
  /** Origin of the sidecar's data plane as the gateway reaches it, without a slash at the end. */
  readonly sidecarUrl: string;
  readonly wiring: Wiring;
}

/** Long answers are streamed; a provider may think for minutes before the first byte. */
const upstreamTimeout = { connect: 5, send: 60, read: 600 } as const;
const sidecarTimeout = { connect: 1, send: 2, read: 2 } as const;

/** Labels of the gateway's own metrics are the routes' names instead of generated ids. */
const prometheus: GatewayPlugin = { name: 'prometheus', config: { prefer_name: true } };

/** The configuration, or why there is none. Pure and deterministic: the same resources make the same configuration. */
export function buildConfiguration(
  source: RenderSource,
  options: BuildOptions,
  deps: { readonly presets: ReadonlyMap<string, Preset> },
): GatewayConfiguration | { readonly conflicts: readonly string[] } {
  const conflicts = findConflicts(source.upstreams);
  if (conflicts.length > 0) return { conflicts };
  return {
    routes: [
      ...source.upstreams.filter(isOurs).map(({ id, spec }) => {
        const preset = deps.presets.get(spec.preset);
        if (preset === undefined) throw new RangeError(`the preset "${spec.preset}" is not known`);
        const credentials = source.credentials.filter(({ upstream }) => upstream === id);
        return upstreamRoute({ upstreamId: id, spec, preset, credentials, reads: source.reads(id) }, options);
      }),
      tokenRoute(options.sidecarUrl),
    ],
  };
}

/** A route that is made by hand is written by nobody else, or one of the two would win by chance. */
function isOurs({ spec }: { readonly spec: UpstreamSpec }): boolean {
  return spec.gateway?.ai_proxy !== 'by_hand';
}

function upstreamRoute(
  upstream: {
    readonly upstreamId: string;
    readonly spec: UpstreamSpec;
    readonly preset: Preset;
    readonly credentials: readonly CredentialSpec[];
    readonly reads: ConditionReads;
  },
  options: BuildOptions,
): GatewayRoute {
  const { upstreamId, spec, preset } = upstream;
  const { hosts = [], browsers, limit, ai_proxy: wished } = spec.gateway ?? {};
  const ai = wished === 'by_hand' ? undefined : wished;
  const prefix = spec.prefix === '/' ? '' : spec.prefix;
  // ai-proxy sends to a path of its own: a rewrite would only make the sidecar judge another one.
  const rewrite = ai === undefined ? proxyRewrite(spec) : undefined;
  const moved = movedSecret(spec);
  return {
    id: spec.routes[0] ?? upstreamId,
    upstreamId,
    comment: `${preset.title}: clients use http://GATEWAY${prefix} in place of ${spec.base_url}`,
    path: ai === undefined ? { kind: 'prefix', path: spec.prefix } : { kind: 'exact', path: `${prefix}${ai.path}` },
    methods: ai === undefined ? [] : ['POST', ...(browsers === true ? ['OPTIONS'] : [])],
    hosts,
    plugins: [
      ...(browsers === true ? [cors] : []),
      ...(rewrite === undefined ? [] : [rewrite]),
      forwardAuth(upstream, options),
      ...(ai === undefined ? [] : [aiProxy(ai, spec.base_url)]),
      ...(limit === undefined ? [] : [limitCount(limit)]),
      ...(moved === undefined ? [] : [moved]),
      httpLogger(preset, { ...options, byAiProxy: ai !== undefined }),
      prometheus,
    ],
    node: { ...nodeOf(spec.base_url), timeout: upstreamTimeout },
  };
}

function movedSecret({ gateway, injection }: UpstreamSpec): GatewayPlugin | undefined {
  const name = injection?.['name'];
  if (gateway?.secret_in_query === undefined || typeof name !== 'string') return undefined;
  return secretInQuery(name.toLowerCase(), gateway.secret_in_query);
}

/** Lets the holder of a token ask what it may do. The sidecar judges the token itself: no forward-auth, no log. */
function tokenRoute(sidecarUrl: string): GatewayRoute {
  return {
    id: 'credentialflow-token-self',
    upstreamId: undefined,
    comment:
      'Lets the holder of a token ask what it may do: GET /credentialflow/token/self. The sidecar judges the token itself.',
    path: { kind: 'exact', path: '/credentialflow/token/self' },
    methods: ['GET'],
    hosts: [],
    plugins: [{ name: 'proxy-rewrite', config: { uri: '/api/token/self' } }],
    node: { ...nodeOf(sidecarUrl), timeout: sidecarTimeout },
  };
}

function nodeOf(address: string): Omit<GatewayNode, 'timeout'> {
  const { protocol, hostname, port } = new URL(address);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { scheme, host: hostname, port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port) };
}
