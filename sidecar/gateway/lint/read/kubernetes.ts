import type { Configuration } from '../configuration.ts';
import { asMap, asText } from '../source.ts';
import type { Data, Spot } from '../source.ts';
import { readHttpRoute } from './http-route.ts';
import { qualified } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { readApisixRoute, readPluginList } from './apisix-route.ts';
import { readVersions } from './versions.ts';

export function isManifest(spot: Spot): boolean {
  const { apiVersion, kind } = asMap(spot.value);
  return typeof apiVersion === 'string' && typeof kind === 'string';
}

/** A `List` is taken apart. */
export function manifestsOf(spot: Spot): readonly Manifest[] {
  const { kind, metadata } = asMap(spot.value);
  if (typeof kind === 'string' && kind.endsWith('List')) return spot.at('items').children().flatMap(manifestsOf);
  const { name, namespace } = asMap(metadata);
  return [
    {
      kind: asText(kind) ?? '',
      namespace: asText(namespace) ?? 'default',
      name: asText(name) ?? '',
      spec: spot.at('spec'),
      spot,
    },
  ];
}

/** Manifests refer to each other across files: read all of them together. */
export function readManifests(manifests: readonly Manifest[], into: Configuration): void {
  for (const manifest of manifests) readBackend(manifest, manifests, into);
  for (const manifest of manifests) {
    const { kind, namespace, name, spec, spot } = manifest;
    const holder = (list: Spot) => ({
      form: 'kubernetes' as const,
      spot,
      id: qualified(namespace, name),
      plugins: readPluginList(list),
    });
    if (kind === 'ApisixRoute') readApisixRoute(manifest, into);
    else if (kind === 'HTTPRoute') readHttpRoute(manifest, into);
    else if (kind === 'ApisixPluginConfig' || kind === 'PluginConfig')
      into.pluginConfigs.push(holder(spec.at('plugins')));
    else if (kind === 'ApisixGlobalRule') into.globalRules.push(holder(spec.at('plugins')));
    else if (kind === 'Consumer') into.consumers.push(holder(spec.at('plugins')));
    else if (kind === 'GatewayProxy') {
      into.globalRules.push(holder(spec.at('plugins')));
      const metadata = spec.at('pluginMetadata');
      for (const plugin of Object.keys(asMap(metadata.value))) into.pluginMetadata.set(plugin, metadata.at(plugin));
    } else if (kind === 'Ingress') into.ingresses.push(spot);
    else readVersions(spot, into);
  }
}

/** What is known of a backend: an ApisixUpstream, or a Service with the policy that targets it. */
function readBackend({ kind, namespace, name, spec }: Manifest, all: readonly Manifest[], into: Configuration): void {
  if (kind === 'ApisixUpstream') {
    const nodes = spec.at('externalNodes').children();
    into.upstreams.set(qualified(namespace, name), {
      spot: spec,
      ...settingsOf(asMap(spec.value)),
      nodes: nodes.map(({ value }) => ({
        host: asText(asMap(value)['name']) ?? '',
        port: asMap(value)['port'] as number | undefined,
      })),
    });
  }
  if (kind !== 'Service') return;
  const policy = all.find(
    (other) =>
      other.kind === 'BackendTrafficPolicy' &&
      other.namespace === namespace &&
      other.spec
        .at('targetRefs')
        .children()
        .some(({ value }) => asMap(value)['name'] === name),
  );
  const { externalName, ports } = asMap(spec.value);
  const port = asMap((Array.isArray(ports) ? ports : [])[0])['port'];
  into.upstreams.set(qualified(namespace, name), {
    spot: policy?.spec ?? spec,
    ...settingsOf(asMap(policy?.spec.value)),
    nodes: [
      { host: asText(externalName) ?? `${name}.${namespace}.svc`, port: typeof port === 'number' ? port : undefined },
    ],
  });
}

function settingsOf({ scheme, passHost, pass_host: passHostNative }: Data) {
  return { scheme: asText(scheme) ?? 'http', passHost: asText(passHost ?? passHostNative) ?? 'pass' };
}
