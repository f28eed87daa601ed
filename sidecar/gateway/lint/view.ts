import type { Preset } from '../../core/preset.ts';
import type { Configuration, GatewayVersion, Plugin, PluginSet, Route, Upstream } from './configuration.ts';
import { unread } from './configuration.ts';
import { asAuth } from './auth.ts';
import type { Auth } from './auth.ts';
import { factsOf } from './known-upstream.ts';
import type { KnownUpstreams, UpstreamFacts } from './known-upstream.ts';

/** A route with everything that applies to its requests: its own plugins over plugin_config's over the service's. */
export interface EffectiveRoute {
  readonly route: Route;
  readonly plugins: PluginSet;
  readonly upstream: Upstream | undefined;
  /** The question to the sidecar that guards it (its own, or a global one). */
  readonly auth: Auth | undefined;
  /** What is known of the API behind it: from the resources, else from its host. */
  readonly facts: UpstreamFacts;
}

/** A plugin that runs on requests that get a secret. */
export interface Placed {
  readonly plugin: Plugin;
  readonly scope: 'route' | 'global' | 'consumer';
  /** The guarded routes on which it runs. */
  readonly routes: readonly EffectiveRoute[];
}

/** What rules look at. */
export interface View {
  readonly configuration: Configuration;
  readonly routes: readonly EffectiveRoute[];
  readonly guarded: readonly EffectiveRoute[];
  /** Every active forward-auth that is written somewhere, other services' too. */
  readonly auths: readonly Auth[];
  /** Those that are there to read but do not run. */
  readonly switchedOff: readonly Auth[];
  /** Active plugins beside (and after, and before) a question to the sidecar; each once. */
  readonly placed: readonly Placed[];
  /** The oldest that is known; undefined: nothing said which gateway it is. */
  readonly version: GatewayVersion | undefined;
  readonly known: KnownUpstreams | undefined;
  routesOf(auth: Auth): readonly EffectiveRoute[];
}

export interface ViewDeps {
  readonly presets: ReadonlyMap<string, Preset>;
  /** What a resource file says of the upstreams. */
  readonly known?: KnownUpstreams | undefined;
}

export function createView(configuration: Configuration, deps: ViewDeps): View {
  const globalPlugins = configuration.globalRules.flatMap(({ plugins }) => [...plugins.values()]);
  const globalAuth = globalPlugins.map(asAuth).find((auth) => auth?.ours === true && !auth.plugin.disabled);
  const routes = [...configuration.routes, ...unusedHolders(configuration)].map((route) =>
    effective(route, configuration, globalAuth, deps),
  );
  const guarded = routes.filter(({ auth, route }) => auth !== undefined && !route.disabled);
  const auths = [...allPluginSets(configuration)]
    .flatMap((set) => [...set.values()].map(asAuth))
    .filter((auth) => auth !== undefined);
  return {
    configuration,
    routes,
    guarded,
    auths: auths.filter(({ plugin }) => !plugin.disabled),
    switchedOff: auths.filter(({ plugin }) => plugin.disabled),
    placed: place(guarded, globalPlugins, configuration),
    version: oldest(configuration.versions),
    known: deps.known,
    routesOf: (auth) => guarded.filter((route) => route.auth?.plugin.spot === auth.plugin.spot),
  };
}

/** The questions to the sidecar among them. */
export function* ownAuths({ auths }: Pick<View, 'auths'>): Iterable<Auth> {
  for (const auth of auths) if (auth.ours) yield auth;
}

function effective(
  route: Route,
  configuration: Configuration,
  globalAuth: Auth | undefined,
  { presets, known }: ViewDeps,
): EffectiveRoute {
  const service = configuration.services.find(
    ({ id, spot }) => route.service?.id === id || route.service?.spot === spot,
  );
  const configs = configuration.pluginConfigs.filter(({ id }) => route.pluginConfigs.some((ref) => ref.id === id));
  const plugins = new Map<string, Plugin>();
  for (const set of [service?.plugins, ...configs.map((config) => config.plugins), route.plugins]) {
    for (const [name, plugin] of set ?? []) plugins.set(name, mergeManifest(plugins.get(name), plugin, route));
  }
  const upstreamRef = route.upstreamRef ?? (route.upstream === undefined ? service?.upstreamRef : undefined);
  const upstream =
    route.upstream ??
    (upstreamRef === undefined ? undefined : (configuration.upstreams.get(upstreamRef.id) ?? unread(upstreamRef))) ??
    service?.upstream;
  const own = plugins.get('forward-auth');
  const ownAuth = own === undefined ? undefined : asAuth(own);
  const auth = ownAuth?.ours === true && !ownAuth.plugin.disabled ? ownAuth : globalAuth;
  return { route, plugins, upstream, auth, facts: factsOf({ route, upstream, auth, plugins }, presets, known) };
}

/** Filters of one HTTPRoute rule and the PluginConfig beside them make one proxy-rewrite together. */
function mergeManifest(before: Plugin | undefined, plugin: Plugin, route: Route): Plugin {
  if (before === undefined || route.form !== 'kubernetes' || plugin.name !== 'proxy-rewrite') return plugin;
  return { ...plugin, config: { ...before.config, ...plugin.config } };
}

/** A plugin_config or service that no route of these files uses is judged as if one did. */
function unusedHolders({ routes, pluginConfigs, services }: Configuration): readonly Route[] {
  const used = new Set(
    routes.flatMap(({ service, pluginConfigs: refs }) => [service?.id, ...refs.map(({ id }) => id)]),
  );
  return [...pluginConfigs, ...services]
    .filter(({ id, plugins }) => !used.has(id) && plugins.has('forward-auth'))
    .map(({ form, spot, id, plugins, upstream, upstreamRef }) => ({
      form,
      spot,
      id,
      label: id,
      uris: [],
      hosts: [],
      methods: [],
      priority: 0,
      vars: undefined,
      disabled: false,
      plugins,
      service: undefined,
      pluginConfigs: [],
      upstreamRef,
      upstream,
    }));
}

function place(
  guarded: readonly EffectiveRoute[],
  globalPlugins: readonly Plugin[],
  { consumers }: Configuration,
): readonly Placed[] {
  const placed = new Map<Plugin['spot'], { plugin: Plugin; scope: Placed['scope']; routes: EffectiveRoute[] }>();
  const add = (plugin: Plugin, scope: Placed['scope'], routes: readonly EffectiveRoute[]): void => {
    if (plugin.disabled || routes.length === 0) return;
    const known = placed.get(plugin.spot);
    if (known === undefined) placed.set(plugin.spot, { plugin, scope, routes: [...routes] });
    else known.routes.push(...routes);
  };
  for (const route of guarded) for (const plugin of route.plugins.values()) add(plugin, 'route', [route]);
  for (const plugin of globalPlugins) add(plugin, 'global', guarded);
  for (const { plugins } of consumers) for (const plugin of plugins.values()) add(plugin, 'consumer', guarded);
  return [...placed.values()];
}

function* allPluginSets(configuration: Configuration): Iterable<PluginSet> {
  const { routes, services, pluginConfigs, globalRules, consumers } = configuration;
  for (const { plugins } of [...routes, ...services, ...pluginConfigs, ...globalRules, ...consumers]) yield plugins;
}

function oldest(versions: readonly GatewayVersion[]): GatewayVersion | undefined {
  return [...versions].sort((a, b) => a.major - b.major || a.minor - b.minor)[0];
}
