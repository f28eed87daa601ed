import type { GatewayRoute } from '../gateway-configuration.ts';
import { boundByUpstream } from '../wiring.ts';
import { sharedConfigYaml } from './config-yaml.ts';
import type { Format, FormatOptions } from './format.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kubernetesHead, objectName, pluginList, timeoutOf, writeObjects } from './kubernetes.ts';

/** The Kubernetes Gateway API, with the controller's PluginConfig and BackendTrafficPolicy. */
export const gatewayApi: Format = {
  id: 'gateway-api',
  title: 'HTTPRoute, PluginConfig and BackendTrafficPolicy for the Kubernetes Gateway API',
  wiring: boundByUpstream,
  configuration: sharedConfigYaml,
  write({ routes }, options) {
    const objects = routes.filter((route) => !isAddress(route)).flatMap((route) => objectsOf(route, options));
    const left = routes.filter(isAddress).map((route) => `# ${objectName(route)}: ${route.node.host}\n`);
    const about =
      left.length === 0
        ? ''
        : `#\n# Left out: a Service of this API leads to a DNS name, these routes lead to an address.\n${left.join('')}`;
    return kubernetesHead('gateway-api', options.minimumVersion, about) + writeObjects(objects, options);
  },
};

/** An ExternalName is a DNS name; the loopback of a pod is no endpoint of a Service either. */
function isAddress({ node: { host } }: GatewayRoute): boolean {
  return host === 'localhost' || /^[\d.]+$|^\[/.test(host);
}

/** As many as an HTTPRoute takes. */
const mostHosts = 16;

/** The hosts of each HTTPRoute, with its name; without hosts one serves all. The name of a further one no id can have. */
function httpRoutesOf(route: GatewayRoute): readonly { readonly name: string; readonly hosts: readonly string[] }[] {
  const routes = [{ name: objectName(route), hosts: route.hosts.slice(0, mostHosts) }];
  for (let from = mostHosts; from < route.hosts.length; from += mostHosts) {
    const upstreamId = `${route.upstreamId ?? route.id} hosts ${from}`;
    routes.push({ name: objectName({ ...route, upstreamId }), hosts: route.hosts.slice(from, from + mostHosts) });
  }
  return routes;
}

function objectsOf(route: GatewayRoute, { gatewayName }: FormatOptions): readonly KubernetesObject[] {
  const name = objectName(route);
  const { plugins, notes } = pluginList(route);
  const { methods, node, path } = route;
  const match = { type: path.kind === 'exact' ? 'Exact' : 'PathPrefix', value: path.path };
  const matches = methods.length === 0 ? [{ path: match }] : methods.map((method) => ({ path: match, method }));
  return [
    ...httpRoutesOf(route).map(({ name: routeName, hosts }, i) => ({
      ...(i === 0 ? { comment: route.comment } : {}),
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      name: routeName,
      spec: {
        parentRefs: [{ name: gatewayName }],
        ...(hosts.length === 0 ? {} : { hostnames: hosts }),
        rules: [
          {
            matches,
            filters: [
              { type: 'ExtensionRef', extensionRef: { group: 'apisix.apache.org', kind: 'PluginConfig', name } },
            ],
            backendRefs: [{ name, port: node.port }],
          },
        ],
      },
    })),
    { apiVersion: 'apisix.apache.org/v1alpha1', kind: 'PluginConfig', name, spec: { plugins }, notes },
    {
      apiVersion: 'v1',
      kind: 'Service',
      name,
      spec: { type: 'ExternalName', externalName: node.host, ports: [{ name: node.scheme, port: node.port }] },
    },
    {
      apiVersion: 'apisix.apache.org/v1alpha1',
      kind: 'BackendTrafficPolicy',
      name,
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name }],
        scheme: node.scheme,
        passHost: 'rewrite',
        upstreamHost: node.host,
        timeout: timeoutOf(route),
      },
    },
  ];
}
