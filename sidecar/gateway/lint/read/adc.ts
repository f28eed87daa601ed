import type { Configuration, Reference } from '../configuration.ts';
import { asId, asMap, asText, isMap } from '../source.ts';
import type { Spot } from '../source.ts';
import { addResource, readHolder, readPlugin, readRoute } from './native.ts';

/** Services with routes of their own, or maps where apisix.yaml has lists. */
export function isAdc(spot: Spot): boolean {
  const { services, global_rules: globalRules, plugin_metadata: metadata, routes } = asMap(spot.value);
  if (isMap(globalRules) || isMap(metadata)) return true;
  if (Array.isArray(routes)) return false;
  return Array.isArray(services) && services.some((service) => asMap(service)['routes'] !== undefined);
}

/** adc.yaml: routes live inside services, and the tool makes ids of names. */
export function readAdc(spot: Spot, into: Configuration): void {
  for (const item of spot.at('services').children()) {
    const value = asMap(item.value);
    const id = asId(value['id']) ?? asText(value['name']) ?? '';
    into.services.push(readHolder(item, 'adc', id));
    const service: Reference = { id, spot: item };
    for (const route of item.at('routes').children()) {
      into.routes.push(readRoute(route, 'adc', asId(asMap(route.value)['id']), { service }));
    }
  }
  for (const route of spot.at('routes').children()) {
    into.routes.push(readRoute(route, 'adc', asId(asMap(route.value)['id'])));
  }
  const rules = spot.at('global_rules');
  if (isMap(rules.value)) {
    const plugins = Object.keys(rules.value).map((name) => readPlugin(name, rules.at(name)));
    into.globalRules.push({
      form: 'adc',
      spot: rules,
      id: 'global_rules',
      plugins: new Map(plugins.map((plugin) => [plugin.name, plugin])),
    });
  } else {
    for (const rule of rules.children()) addResource(into, 'global_rules', rule, 'adc', asId(asMap(rule.value)['id']));
  }
  const metadata = spot.at('plugin_metadata');
  for (const name of Object.keys(asMap(metadata.value))) into.pluginMetadata.set(name, metadata.at(name));
  for (const kind of ['consumers', 'consumer_groups', 'plugin_configs', 'upstreams']) {
    for (const item of spot.at(kind).children()) {
      const { id, username, name } = asMap(item.value);
      addResource(into, kind, item, 'adc', asId(id) ?? asText(username) ?? asText(name));
      for (const consumer of item.at('consumers').children()) {
        addResource(into, 'consumers', consumer, 'adc', asText(asMap(consumer.value)['username']));
      }
    }
  }
}
