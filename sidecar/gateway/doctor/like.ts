import type { GatewayPlugin, Plain } from '../render/gateway-configuration.ts';
import type { RouteDocument } from '../sync/compare-routes.ts';

const namedUpstream = /(\/api\/auth\/)[^/]+$/;

/** What the doctor's routes take over from a route of the gateway, to prove that one. */
export interface Like {
  readonly forwardAuth: GatewayPlugin['config'];
  /** Undefined: it has none. */
  readonly httpLogger: GatewayPlugin['config'] | undefined;
  /** Undefined: it does not rewrite. */
  readonly proxyRewrite: GatewayPlugin['config'] | undefined;
}

/** Throws a RangeError for a route that asks nobody. */
export function readLike(route: RouteDocument, id: string): Like {
  const plugins = fields(route['plugins']) ?? {};
  const forwardAuth = fields(plugins['forward-auth']);
  if (forwardAuth === undefined)
    throw new RangeError(`the route ${id} has no forward-auth: whoever calls it is let in`);
  return {
    forwardAuth,
    httpLogger: fields(plugins['http-logger']),
    proxyRewrite: fields(plugins['proxy-rewrite']),
  };
}

/** Whom the doctor's route asks; where the question's path names the upstream, it names the doctor's. */
export function askedUri({ forwardAuth: { uri } }: Like, upstreamId: string): string {
  return typeof uri === 'string' ? uri.replace(namedUpstream, `$1${upstreamId}`) : '';
}

/** `/api/auth` of its own: the question's headers name the route. */
export function isBoundByRoute({ forwardAuth: { uri } }: Like): boolean {
  return typeof uri !== 'string' || !namedUpstream.test(uri);
}

/** Which of these it empties; which of them it should, the preset of its upstream says, and `apisix diff` compares. */
export function emptiedOf({ forwardAuth }: Like, names: readonly string[]): readonly string[] {
  const listed = forwardAuth['upstream_headers'];
  return names.filter((name) => Array.isArray(listed) && listed.includes(name));
}

function fields(value: Plain | undefined): GatewayPlugin['config'] | undefined {
  return typeof value === 'object' && !Array.isArray(value) ? (value as GatewayPlugin['config']) : undefined;
}
