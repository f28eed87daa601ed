import { isPassableArg, type ConditionReads } from '../../../core/condition-reads.ts';
import { commonSteeringHeaders, consumerHeader, credentialHeader, tokenSlotHeaders } from '../../../core/preset.ts';
import type { Preset } from '../../../core/preset.ts';
import type { CredentialSpec, UpstreamSpec } from '../../../core/resources.ts';
import type { GatewayPlugin } from '../gateway-configuration.ts';
import type { Wiring } from '../wiring.ts';

const argHeaderName = 'X-CF-Arg-';

/** What a denial says to the client's SDK: without these it sees `text/plain` and retries what is hopeless. */
const clientHeaders = [
  'content-type',
  'www-authenticate',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-cf-decision',
  'ratelimit',
  'ratelimit-policy',
] as const;

/** Asks the sidecar. Why each setting is as it is: docs/apisix.md. */
export function forwardAuth(
  route: {
    readonly upstreamId: string;
    readonly spec: UpstreamSpec;
    readonly preset: Preset;
    readonly credentials: readonly CredentialSpec[];
    readonly reads: ConditionReads;
  },
  options: { readonly sidecarUrl: string; readonly wiring: Wiring },
): GatewayPlugin {
  const { sidecarUrl, wiring } = options;
  const byRoute = wiring.bindBy === 'route';
  return {
    name: 'forward-auth',
    config: {
      uri: `${sidecarUrl}/api/auth${byRoute ? '' : `/${route.upstreamId}`}`,
      request_method: 'GET',
      ...(sidecarUrl.startsWith('https:') ? { ssl_verify: true } : {}),
      timeout: 1_500,
      keepalive: true,
      keepalive_pool: 320,
      keepalive_timeout: 60_000,
      status_on_error: 503,
      allow_degradation: false,
      request_headers: askedHeaders(route.spec, route.reads),
      extra_headers: {
        'X-CF-Gateway-Key': wiring.gatewayKey,
        ...(byRoute ? { 'X-CF-Route': '$route_id' } : {}),
        'X-CF-Request-Id': '$request_id',
        'X-CF-Raw-Uri': '$real_request_uri',
        'X-CF-Upstream-Uri': '$upstream_uri',
        ...askedArgs(route.reads),
      },
      upstream_headers: answeredHeaders(route),
      client_headers: clientHeaders,
    },
  };
}

/** Where a token may be, the trace, and what conditions read. Nothing else of the client is asked about. */
function askedHeaders(
  { token_slots: own = [], passthrough }: UpstreamSpec,
  { headers }: ConditionReads,
): readonly string[] {
  const slots = [...tokenSlotHeaders, ...own.map(({ header }) => header)];
  const usual = [...slots, 'traceparent'].filter((name) => !passthrough.includes(name));
  return [...new Set([...usual, ...headers])];
}

/** For these the gateway reads the whole body before it asks. */
function askedArgs({ args }: ConditionReads): Readonly<Record<string, string>> {
  return Object.fromEntries(args.filter(isPassableArg).map((name) => [`${argHeaderName}${name}`, `$post_arg.${name}`]));
}

/**
 * Every header that an allow may carry: one that is missing here is dropped by APISIX, and the client's own passes. One
 * that stays the client's own must be missing: what is listed and not answered is removed from 3.17 on.
 */
export function answeredHeaders(route: {
  readonly spec: UpstreamSpec;
  readonly preset: Preset;
  readonly credentials: readonly CredentialSpec[];
}): readonly string[] {
  const { spec, preset, credentials } = route;
  const names = [
    ...tokenSlotHeaders,
    ...commonSteeringHeaders,
    ...preset.steeringHeaders,
    // The upstream's own slots and its injected header are among them.
    ...spec.steering_headers,
    ...credentials.flatMap(({ headers }) => Object.keys(headers)),
  ].filter((name) => !spec.passthrough.includes(name));
  return [...new Set([...names, credentialHeader, consumerHeader])];
}
