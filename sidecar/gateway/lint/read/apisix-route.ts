import { unread } from '../configuration.ts';
import type { Configuration, Plugin, PluginSet, Reference } from '../configuration.ts';
import { asList, asMap, asNumber, asText, asTexts } from '../source.ts';
import type { Spot } from '../source.ts';
import { qualified } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { readPlugin } from './native.ts';

/** `[{name, enable, config}]`. A list may name a plugin twice: the last one counts. */
export function readPluginList(list: Spot): PluginSet {
  const plugins = list.children().map((item): Plugin => {
    const { name, enable, enabled } = asMap(item.value);
    return readPlugin(asText(name) ?? '', item.at('config'), (enable ?? enabled) !== false);
  });
  return new Map(plugins.map((plugin) => [plugin.name, plugin]));
}

export function readApisixRoute({ namespace, name, spec }: Manifest, into: Configuration): void {
  for (const spot of spec.at('http').children()) {
    const { name: rule, match, priority } = asMap(spot.value);
    const { paths, hosts, methods, exprs } = asMap(match);
    const configName = spot.at('plugin_config_name');
    const configNamespace = asText(asMap(spot.value)['plugin_config_namespace']) ?? namespace;
    const backend = backendOf(spot, namespace);
    into.routes.push({
      form: 'kubernetes',
      spot,
      id: undefined,
      label: `${name}/${asText(rule) ?? ''}`,
      uris: asTexts(paths),
      hosts: asTexts(hosts),
      methods: asTexts(methods),
      priority: asNumber(priority) ?? 0,
      vars: asList(exprs).length === 0 ? undefined : spot.at('match', 'exprs'),
      disabled: false,
      plugins: readPluginList(spot.at('plugins')),
      service: undefined,
      pluginConfigs:
        typeof configName.value === 'string'
          ? [{ id: qualified(configNamespace, configName.value), spot: configName }]
          : [],
      upstreamRef: undefined,
      upstream: backend === undefined ? undefined : (into.upstreams.get(backend.id) ?? unread(backend)),
    });
  }
}

/** The first backend stands for all: they must be of one kind to work at all. */
function backendOf(rule: Spot, namespace: string): Reference | undefined {
  for (const [list, key] of [
    ['upstreams', 'name'],
    ['backends', 'serviceName'],
  ] as const) {
    const [first] = rule.at(list).children();
    const name = first === undefined ? undefined : asText(asMap(first.value)[key]);
    if (first !== undefined && name !== undefined) return { id: qualified(namespace, name), spot: first };
  }
  return undefined;
}
