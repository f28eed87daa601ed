import { readsNothing } from '../../core/condition-reads.ts';
import type { Preset } from '../../core/preset.ts';
import type { UpstreamSpec } from '../../core/resources.ts';
import { buildConfiguration } from '../render/build-configuration.ts';
import { apisixRoute } from '../render/formats/apisix-route.ts';
import type { GatewayPlugin, GatewayRoute } from '../render/gateway-configuration.ts';
import type { Wiring } from '../render/wiring.ts';
import type { RouteDocument } from '../sync/compare-routes.ts';
import type { DoctorNames, DoctorRoute } from './names.ts';
import type { Like } from './like.ts';
import { askedUri } from './like.ts';
import { doctorLabel } from './names.ts';

export interface RouteOptions {
  readonly names: DoctorNames;
  readonly spec: UpstreamSpec;
  /** Origin of the sidecar as the gateway reaches it. */
  readonly sidecarUrl: string;
  /** Origin of the doctor's server as the gateway reaches it. */
  readonly serverUrl: string;
  readonly wiring: Wiring;
  /** Authorization of the log's batches; not the gateway's own log key, which is not for this server. */
  readonly logKey: string;
  /** A route of the gateway whose settings are judged in place of the rendered ones. */
  readonly like: Like | undefined;
}

/** A port on which nobody listens: no service has ever used it, and only root could. */
const nobody = 'http://127.0.0.1:1';

/** The three routes, as `render` makes one; they differ from it in who is asked, and in where the log goes. */
export function doctorRoutes(
  options: RouteOptions,
  deps: { readonly presets: ReadonlyMap<string, Preset> },
): readonly RouteDocument[] {
  const { names, spec, sidecarUrl, serverUrl, wiring } = options;
  const built = buildConfiguration(
    { upstreams: [{ id: names.id, spec }], credentials: [], reads: () => readsNothing },
    { sidecarUrl, wiring },
    deps,
  );
  if ('conflicts' in built) throw new RangeError(built.conflicts.join('; '));
  const [rendered] = built.routes;
  if (rendered === undefined) throw new RangeError('no route was rendered');
  const logged = withPlugin(likened(rendered, options), 'http-logger', (config) => ({
    ...config,
    uri: `${serverUrl}${names.logPath}`,
    auth_header: options.logKey,
  }));
  return [
    logged,
    withPlugin(moved(logged, names.orphaned, names), 'forward-auth', (config) => ({
      ...config,
      uri: `${nobody}/api/auth`,
      extra_headers: withoutKey(config['extra_headers']),
    })),
    withPlugin(moved(logged, names.watched, names), 'forward-auth', (config) => ({
      ...config,
      uri: `${serverUrl}${names.questionPath}`,
      extra_headers: withoutKey(config['extra_headers']),
    })),
  ].map((route) => ({ ...apisixRoute(route), labels: doctorLabel }));
}

/** With forward-auth and http-logger as the other route has them, and its way of rewriting. */
function likened(route: GatewayRoute, { like, names }: RouteOptions): GatewayRoute {
  if (like === undefined) return route;
  const { forwardAuth, httpLogger, proxyRewrite } = like;
  const plugins = route.plugins.flatMap((plugin): readonly GatewayPlugin[] => {
    switch (plugin.name) {
      case 'forward-auth':
        return [{ ...plugin, config: { ...forwardAuth, uri: askedUri(like, names.id) } }];
      case 'http-logger':
        return httpLogger === undefined ? [] : [{ ...plugin, config: httpLogger }];
      case 'proxy-rewrite':
        return [{ ...plugin, config: { ...withoutPaths(proxyRewrite ?? {}), ...plugin.config } }];
      default:
        return [plugin];
    }
  });
  return { ...route, plugins };
}

function withoutPaths(config: GatewayPlugin['config']): GatewayPlugin['config'] {
  const { uri: _, regex_uri: __, ...others } = config;
  return others;
}

function withPlugin(
  route: GatewayRoute,
  name: string,
  change: (config: GatewayPlugin['config']) => GatewayPlugin['config'],
): GatewayRoute {
  return {
    ...route,
    plugins: route.plugins.map((plugin) =>
      plugin.name === name ? { ...plugin, config: change(plugin.config) } : plugin,
    ),
  };
}

function moved(route: GatewayRoute, { id, prefix }: DoctorRoute, { basePath }: DoctorNames): GatewayRoute {
  const rewritten = withPlugin(route, 'proxy-rewrite', (config) => ({
    ...config,
    regex_uri: [`^${prefix}/(.*)`, `${basePath}/$1`],
  }));
  return { ...rewritten, id, upstreamId: id, path: { kind: 'prefix', path: prefix } };
}

/** The gateway's key is for the sidecar alone. */
function withoutKey(headers: GatewayPlugin['config'][string] | undefined): GatewayPlugin['config'] {
  return Object.fromEntries(
    Object.entries(headers ?? {}).filter(([name]) => name.toLowerCase() !== 'x-cf-gateway-key'),
  );
}
