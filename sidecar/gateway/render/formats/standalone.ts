import type { GatewayConfiguration } from '../gateway-configuration.ts';
import { fileWiring } from '../wiring.ts';
import type { Note } from '../yaml-text.ts';
import { writeYaml } from '../yaml-text.ts';
import { apisixRoute } from './apisix-route.ts';
import { standaloneConfigYaml } from './config-yaml.ts';
import type { Format, FormatOptions } from './format.ts';

/** apisix.yaml of a gateway that reads files. */
export const standalone: Format = {
  id: 'standalone',
  title: 'apisix.yaml for a gateway that reads files',
  wiring: fileWiring,
  configuration: standaloneConfigYaml,
  write(configuration, options) {
    const routes = configuration.routes.map(apisixRoute);
    // Without this last line APISIX ignores the file.
    return `${head(options)}${writeYaml({ routes }, notesOf(configuration))}#END\n`;
  },
};

function notesOf({ routes }: GatewayConfiguration): readonly Note[] {
  return routes.flatMap(({ comment, plugins }, i) => [
    { path: ['routes', i], comment, apart: i > 0 },
    ...plugins.flatMap((plugin) =>
      plugin.comment === undefined ? [] : [{ path: ['routes', i, 'plugins', plugin.name], comment: plugin.comment }],
    ),
  ]);
}

function head({ minimumVersion }: FormatOptions): string {
  return `# Routes of a standalone APISIX (${minimumVersion} or newer; 3.18 recommended) in front of CredentialFlow.
# Written by \`credentialflow apisix render\` from the resources: change those and write it again. Why each line is as it
# is: docs/apisix.md. \`credentialflow gateway env\` prints the two variables; APISIX puts them in when it loads this file.
#
# - A header of the sidecar's answer that is missing from upstream_headers is dropped by APISIX, and the client's own
#   passes: every token slot, steering header, cfcredential and cfconsumer is named, in lower case.
# - request_headers never names x-forwarded-*, host, connection, content-length, transfer-encoding or expect.
# - The last line must be #END. APISIX polls the file's time of change once a second: write elsewhere, then rename.
`;
}
