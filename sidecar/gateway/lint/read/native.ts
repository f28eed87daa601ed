import type { Configuration, Form, PluginHolder, PluginSet, Reference, Route, Upstream } from '../configuration.ts';
import { asId, asList, asMap, asNumber, asText, asTexts, isMap } from '../source.ts';
import type { Data, Spot } from '../source.ts';

/** The gateway's own resources, as apisix.yaml, the Admin API and (nearly) ADC write them. */

export function readPlugins(spot: Spot): PluginSet {
  const plugins = Object.keys(asMap(spot.value)).map((name) => readPlugin(name, spot.at(name)));
  return new Map(plugins.map((plugin) => [plugin.name, plugin]));
}

export function readPlugin(name: string, spot: Spot, enabled = true) {
  const config = asMap(spot.value);
  return { name, config, spot, disabled: !enabled || asMap(config['_meta'])['disable'] === true };
}

export function readRoute(spot: Spot, form: Form, id: string | undefined, more: Partial<Route> = {}): Route {
  const value = asMap(spot.value);
  const pluginConfig = referenceOf(spot.at('plugin_config_id'));
  return {
    form,
    spot,
    id,
    label: id ?? asText(value['name']) ?? asTexts(value['uri'] ?? value['uris'])[0] ?? 'without a name',
    uris: [...asTexts(value['uri']), ...asTexts(value['uris'])],
    hosts: [...asTexts(value['host']), ...asTexts(value['hosts'])],
    methods: asTexts(value['methods']),
    priority: asNumber(value['priority']) ?? 0,
    vars: asList(value['vars']).length === 0 && value['filter_func'] === undefined ? undefined : spot.at('vars'),
    disabled: value['status'] === 0,
    plugins: readPlugins(spot.at('plugins')),
    service: referenceOf(spot.at('service_id')),
    pluginConfigs: pluginConfig === undefined ? [] : [pluginConfig],
    upstreamRef: referenceOf(spot.at('upstream_id')),
    upstream: readUpstream(spot.at('upstream')),
    ...more,
  };
}

export function readHolder(spot: Spot, form: Form, id: string): PluginHolder {
  const value = asMap(spot.value);
  return {
    form,
    spot,
    id,
    plugins: readPlugins(spot.at('plugins')),
    upstream: readUpstream(spot.at('upstream')),
    upstreamRef: referenceOf(spot.at('upstream_id')),
    hosts: asTexts(value['hosts']),
    labels: isMap(value['labels']) ? value['labels'] : undefined,
  };
}

export function readUpstream(spot: Spot): Upstream | undefined {
  if (!isMap(spot.value)) return undefined;
  const { scheme, pass_host: passHost, nodes } = spot.value;
  return {
    spot,
    scheme: asText(scheme) ?? 'http',
    passHost: asText(passHost) ?? 'pass',
    nodes: Array.isArray(nodes) ? nodes.map((node) => readNode(asMap(node))) : Object.keys(asMap(nodes)).map(splitNode),
  };
}

function readNode(node: Data) {
  return { host: asText(node['host']) ?? '', port: asNumber(node['port']) };
}

/** `host:port`, the short way to write nodes. */
function splitNode(text: string) {
  const found = /^(.*?)(?::(\d+))?$/.exec(text);
  return { host: found?.[1] ?? text, port: found?.[2] === undefined ? undefined : Number(found[2]) };
}

function referenceOf(spot: Spot): Reference | undefined {
  const id = asId(spot.value);
  return id === undefined ? undefined : { id, spot };
}

/** Puts one resource where it belongs. Unknown kinds are of no concern here. */
export function addResource(into: Configuration, kind: string, spot: Spot, form: Form, id: string | undefined): void {
  const known = id ?? '';
  if (kind === 'routes') into.routes.push(readRoute(spot, form, id));
  else if (kind === 'services') into.services.push(readHolder(spot, form, known));
  else if (kind === 'plugin_configs') into.pluginConfigs.push(readHolder(spot, form, known));
  else if (kind === 'global_rules') into.globalRules.push(readHolder(spot, form, known));
  else if (kind === 'consumers' || kind === 'consumer_groups') into.consumers.push(readHolder(spot, form, known));
  else if (kind === 'plugin_metadata') into.pluginMetadata.set(known, spot);
  else if (kind === 'upstreams') {
    const upstream = readUpstream(spot);
    if (upstream !== undefined) into.upstreams.set(known, upstream);
  }
}

export const resourceLists = [
  'routes',
  'services',
  'upstreams',
  'plugin_configs',
  'global_rules',
  'consumers',
  'consumer_groups',
  'plugin_metadata',
] as const;
