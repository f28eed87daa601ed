import type { GatewayRoute } from '../gateway-configuration.ts';
import { uriOf } from '../gateway-configuration.ts';
import { boundByUpstream } from '../wiring.ts';
import { sharedConfigYaml } from './config-yaml.ts';
import type { Format, FormatOptions } from './format.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kubernetesHead, objectName, pluginList, timeoutOf, writeObjects } from './kubernetes.ts';

const apiVersion = 'apisix.apache.org/v2';

/** The controller's own resources, version v2. Its Ingress annotations reach only five of forward-auth's settings. */
export const ingressV2: Format = {
  id: 'ingress-v2',
  title: 'ApisixRoute, ApisixPluginConfig and ApisixUpstream for the APISIX Ingress Controller',
  wiring: boundByUpstream,
  configuration: sharedConfigYaml,
  write(configuration, options) {
    const objects = configuration.routes.flatMap((route) => objectsOf(route, options));
    return kubernetesHead('ingress-v2', options.minimumVersion, '') + writeObjects(objects, options);
  },
};

function objectsOf(route: GatewayRoute, { ingressClass }: FormatOptions): readonly KubernetesObject[] {
  const name = objectName(route);
  const { plugins, notes } = pluginList(route);
  const { hosts, methods, node } = route;
  return [
    {
      comment: route.comment,
      apiVersion,
      kind: 'ApisixRoute',
      name,
      spec: {
        ingressClassName: ingressClass,
        http: [
          {
            name,
            match: {
              ...(hosts.length === 0 ? {} : { hosts }),
              ...(methods.length === 0 ? {} : { methods }),
              paths: [uriOf(route)],
            },
            plugin_config_name: name,
            upstreams: [{ name }],
          },
        ],
      },
    },
    {
      apiVersion,
      kind: 'ApisixPluginConfig',
      name,
      spec: { ingressClassName: ingressClass, plugins: plugins.map((plugin) => ({ ...plugin, enable: true })) },
      notes,
    },
    {
      apiVersion,
      kind: 'ApisixUpstream',
      name,
      spec: {
        ingressClassName: ingressClass,
        externalNodes: [{ type: 'Domain', name: node.host, port: node.port, weight: 1 }],
        scheme: node.scheme,
        passHost: 'node',
        timeout: timeoutOf(route),
      },
    },
  ];
}
