import { environmentWiring } from '../wiring.ts';
import { apisixRoute } from './apisix-route.ts';
import { sharedConfigYaml } from './config-yaml.ts';
import type { Format } from './format.ts';

/**
 * A shell script for the Admin API. The routes are in it as JSON, the key is not: it comes from the environment and goes
 * to curl by its configuration on stdin, never as an argument.
 */
export const adminApi: Format = {
  id: 'admin-api',
  title: 'JSON for the Admin API, in a script for curl',
  wiring: environmentWiring,
  configuration: sharedConfigYaml,
  write(configuration, { minimumVersion }) {
    const { routes } = configuration;
    return [
      `#!/bin/sh
# Routes for the Admin API of APISIX ${minimumVersion} or newer, in front of CredentialFlow. Every one is checked before the
# first is written. Written by \`credentialflow apisix render --format admin-api\`; \`credentialflow apisix sync\` does the
# same with a plan, removes what the resources no longer name, and takes back what it did when a step fails.
#
#   APISIX_ADMIN_KEY=… [APISIX_ADMIN_URL=http://127.0.0.1:9180] sh routes.sh
#
# The gateway itself needs CREDENTIALFLOW_GATEWAY_KEY and CREDENTIALFLOW_LOG_KEY in its environment (\`credentialflow
# gateway env\` prints them): $env://NAME is resolved when a request comes.
set -eu
: "\${APISIX_ADMIN_KEY:?is not set}"
url="\${APISIX_ADMIN_URL:-http://127.0.0.1:9180}/apisix/admin"

# A key has no business among the arguments of a process: curl reads its header from a file descriptor.
send() {
  answer=$(curl --silent --show-error --fail-with-body --request "$1" --header 'content-type: application/json' \\
    --data-binary @- --config /dev/fd/3 "$url$2" 3<<KEY
header = "X-API-KEY: \${APISIX_ADMIN_KEY}"
KEY
  ) || {
    echo "$1 $2 failed: $answer" >&2
    exit 1
  }
}

`,
      ...routes.map(
        (route, i) => `# ${route.comment}\nroute_${i}() {\n  cat <<'JSON'\n${json(apisixRoute(route))}\nJSON\n}\n`,
      ),
      ...routes.map((_, i) => `route_${i} | send POST /schema/validate/routes\n`),
      ...routes.map(({ id }, i) => `route_${i} | send PUT /routes/${id}\n`),
      `echo "${routes.length} routes are in place."\n`,
    ].join('');
  },
};

function json(route: unknown): string {
  return JSON.stringify(route, undefined, 2);
}
