import type { ConditionReads } from '../../core/condition-reads.ts';
import { tokenSlotHeaders } from '../../core/preset.ts';
import type { Preset } from '../../core/preset.ts';
import type { UpstreamSpec } from '../../core/resources.ts';
import type { Auth } from './auth.ts';
import type { PluginSet, Route, Upstream } from './configuration.ts';

/** What a resource file declares. */
export interface KnownUpstreams {
  readonly upstreams: ReadonlyMap<string, UpstreamSpec>;
  /** Headers that an upstream's injector writes; lower case. */
  injectedHeaders(upstream: UpstreamSpec): readonly string[];
  /** Headers that credentials of an upstream pin; lower case. */
  pinnedHeaders(id: string): readonly string[];
  /** What the conditions of policies over an upstream read. */
  reads(id: string): ConditionReads;
}

/** What the sidecar does for the requests of a route. */
export interface UpstreamFacts {
  /** The id of the upstream; undefined: nothing says which. */
  readonly id: string | undefined;
  readonly title: string | undefined;
  /** Where the API's own SDKs put the key; undefined: nobody knows. */
  readonly slots: readonly string[] | undefined;
  /** Slots that are answered on every allow. */
  readonly answered: readonly string[];
  /** Further headers of an allow: injected ones, steering ones. */
  readonly steering: readonly string[];
  readonly injected: readonly string[];
  readonly identityHeader: boolean;
  /** What conditions read of the client's request; undefined: nobody knows the policies. */
  readonly reads: ConditionReads | undefined;
}

interface Asked {
  readonly route: Route;
  readonly upstream: Upstream | undefined;
  readonly auth: Auth | undefined;
  readonly plugins: PluginSet;
}

export function factsOf(
  { route, upstream, auth, plugins }: Asked,
  presets: ReadonlyMap<string, Preset>,
  known: KnownUpstreams | undefined,
): UpstreamFacts {
  const named = auth?.upstream ?? route.id;
  const spec = known === undefined || named === undefined ? undefined : findUpstream(named, auth?.upstream, known);
  const provider = plugins.get('ai-proxy')?.config['provider'];
  const preset =
    spec === undefined
      ? (byHost(upstream?.nodes.map(({ host }) => host) ?? [], presets) ??
        (typeof provider === 'string' ? presets.get(provider) : undefined))
      : presets.get(spec.spec.preset);
  const passthrough = spec?.spec.passthrough ?? [];
  return {
    id: spec?.id ?? auth?.upstream,
    title: preset?.title,
    slots: (spec?.spec.token_slots ?? preset?.tokenSlots)?.map(({ header }) => header),
    answered: tokenSlotHeaders.filter((header) => !passthrough.includes(header)),
    steering: [
      ...(preset?.steeringHeaders ?? []),
      ...(spec?.spec.steering_headers ?? []),
      ...(spec === undefined || known === undefined ? [] : known.pinnedHeaders(spec.id)),
    ],
    injected: spec === undefined || known === undefined ? [] : known.injectedHeaders(spec.spec),
    identityHeader: spec?.spec.identity_header ?? false,
    reads: spec === undefined ? undefined : known?.reads(spec.id),
  };
}

export function findUpstream(
  routeOrUpstream: string,
  upstreamInUri: string | undefined,
  { upstreams }: KnownUpstreams,
): { readonly id: string; readonly spec: UpstreamSpec } | undefined {
  for (const [id, spec] of upstreams) {
    if (upstreamInUri === undefined ? spec.routes.includes(routeOrUpstream) : id === upstreamInUri) return { id, spec };
  }
  return undefined;
}

function byHost(hosts: readonly string[], presets: ReadonlyMap<string, Preset>): Preset | undefined {
  for (const preset of presets.values()) {
    const own = preset.baseUrl === undefined ? undefined : new URL(preset.baseUrl).hostname;
    if (own !== undefined && own !== '127.0.0.1' && hosts.includes(own)) return preset;
  }
  return hosts.some((host) => host.endsWith('.openai.azure.com')) ? presets.get('azure-openai') : undefined;
}
