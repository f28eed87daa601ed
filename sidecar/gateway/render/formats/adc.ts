import type { GatewayConfiguration } from '../gateway-configuration.ts';
import { managedLabel, pluginsOf, uriOf } from '../gateway-configuration.ts';
import { boundByUpstream } from '../wiring.ts';
import type { Note } from '../yaml-text.ts';
import { writeYaml } from '../yaml-text.ts';
import { apisixUpstream } from './apisix-route.ts';
import { sharedConfigYaml } from './config-yaml.ts';
import type { Format } from './format.ts';

/** A service with one route for each upstream. ADC makes ids from names, so the question's path names the upstream. */
export const adc: Format = {
  id: 'adc',
  title: 'adc.yaml for ADC, the declarative command line of APISIX',
  wiring: boundByUpstream,
  configuration: sharedConfigYaml,
  write(configuration, { minimumVersion }) {
    const services = configuration.routes.map((route) => ({
      name: route.upstreamId ?? route.id,
      labels: managedLabel,
      upstream: apisixUpstream(route),
      routes: [
        {
          name: route.upstreamId ?? route.id,
          labels: managedLabel,
          uris: [uriOf(route)],
          ...(route.hosts.length === 0 ? {} : { hosts: route.hosts }),
          ...(route.methods.length === 0 ? {} : { methods: route.methods }),
          plugins: pluginsOf(route),
        },
      ],
    }));
    return `# Services of APISIX ${minimumVersion} or newer in front of CredentialFlow, for ADC.
# Written by \`credentialflow apisix render --format adc\`. Why each line is as it is: docs/apisix.md.
#
#   adc diff -f adc.yaml --label-selector managed-by=credentialflow
#   adc sync -f adc.yaml --label-selector managed-by=credentialflow
#
# Without the selector, \`adc sync\` deletes everything of the gateway that is not in this file. The gateway needs
# CREDENTIALFLOW_GATEWAY_KEY and CREDENTIALFLOW_LOG_KEY in its environment.
${writeYaml({ services }, notesOf(configuration))}`;
  },
};

function notesOf({ routes }: GatewayConfiguration): readonly Note[] {
  return routes.flatMap(({ comment, plugins }, i) => [
    { path: ['services', i], comment, apart: i > 0 },
    ...plugins.flatMap((plugin) =>
      plugin.comment === undefined
        ? []
        : [{ path: ['services', i, 'routes', 0, 'plugins', plugin.name], comment: plugin.comment }],
    ),
  ]);
}
