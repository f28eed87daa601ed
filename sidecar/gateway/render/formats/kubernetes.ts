import { hash } from 'node:crypto';
import type { GatewayRoute, Plain } from '../gateway-configuration.ts';
import type { Note } from '../yaml-text.ts';
import { writeYaml } from '../yaml-text.ts';
import type { FormatOptions } from './format.ts';

type Fields = { readonly [name: string]: Plain };

export interface KubernetesObject {
  readonly comment?: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly spec: Fields;
  /** Comments inside. */
  readonly notes?: readonly Note[];
}

const longestPlainId = 40;
/** The route that belongs to no upstream has this name. */
const ownObject = 'credentialflow-token-self';

/**
 * Name of what belongs to a route: a DNS label (RFC 1123, section 2.1), so it may be a Service's. An id that is none, or too
 * long, keeps a digest, so that two ids never share a name.
 */
export function objectName({ id, upstreamId }: GatewayRoute): string {
  if (upstreamId === undefined) return id;
  const name = `credentialflow-${upstreamId}`;
  const plain = /^[a-z0-9-]*[a-z0-9]$/.test(name) && upstreamId.length <= longestPlainId;
  if (plain && name !== ownObject) return name;
  const readable = name
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, longestPlainId)
    .replace(/-+$/, '');
  return `${readable}-${hash('sha256', upstreamId).slice(0, 8)}`;
}

/** Documents of one file, each with its name, our label and, where one is wished for, its namespace. */
export function writeObjects(objects: readonly KubernetesObject[], { namespace }: FormatOptions): string {
  return objects
    .map(({ comment, apiVersion, kind, name, spec, notes }) => {
      const metadata = {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        labels: { 'app.kubernetes.io/managed-by': 'credentialflow' },
      };
      const text = writeYaml({ apiVersion, kind, metadata, spec }, notes);
      return `---\n${comment === undefined ? '' : `# ${comment}\n`}${text}`;
    })
    .join('');
}

/** The plugins as both of the controller's resources list them. */
export function pluginList(route: GatewayRoute): {
  readonly plugins: readonly Fields[];
  readonly notes: readonly Note[];
} {
  return {
    plugins: route.plugins.map(({ name, config }) => ({ name, config })),
    notes: route.plugins.flatMap(({ comment }, i) =>
      comment === undefined ? [] : [{ path: ['spec', 'plugins', i], comment }],
    ),
  };
}

export function timeoutOf({ node: { timeout } }: GatewayRoute): Fields {
  return { connect: `${timeout.connect}s`, send: `${timeout.send}s`, read: `${timeout.read}s` };
}

/** What the reader must do besides; each line a comment. */
export function kubernetesHead(format: string, minimumVersion: string, about: string): string {
  return `# APISIX ${minimumVersion} or newer with APISIX Ingress Controller 2.x, in front of CredentialFlow.
# Written by \`credentialflow apisix render --format ${format}\`. Why each line is as it is: docs/apisix.md.
#
# The controller makes route ids of its own, so each question names its upstream in the path (/api/auth/<upstream>). The
# sidecar runs in the gateway's pod, where the loopback is shared, and the gateway's container has
# CREDENTIALFLOW_GATEWAY_KEY and CREDENTIALFLOW_LOG_KEY in its environment (docs/apisix-integration.md).
${about}`;
}
