import type { GatewayRoute, Plain } from '../gateway-configuration.ts';
import { managedLabel, pluginsOf, uriOf } from '../gateway-configuration.ts';

/** A route as APISIX itself writes it: in apisix.yaml, and in the Admin API. */
export function apisixRoute(route: GatewayRoute): { readonly [name: string]: Plain } {
  const { id, methods, hosts } = route;
  return {
    id,
    name: route.upstreamId ?? id,
    labels: managedLabel,
    uri: uriOf(route),
    ...(hosts.length === 0 ? {} : { hosts }),
    ...(methods.length === 0 ? {} : { methods }),
    plugins: pluginsOf(route),
    upstream: apisixUpstream(route),
  };
}

export function apisixUpstream({ node }: GatewayRoute): { readonly [name: string]: Plain } {
  return {
    type: 'roundrobin',
    scheme: node.scheme,
    // The upstream must see its own name, and its certificate is checked against it.
    pass_host: 'node',
    nodes: [{ host: node.host, port: node.port, weight: 1 }],
    timeout: node.timeout,
  };
}
