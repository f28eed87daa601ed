import { unread } from '../configuration.ts';
import type { Configuration, Plugin, Reference, Upstream } from '../configuration.ts';
import { asMap, asText, asTexts } from '../source.ts';
import type { Data, Spot } from '../source.ts';
import { qualified } from './manifest.ts';
import type { Manifest } from './manifest.ts';

/** Each rule of an HTTPRoute is a route of the gateway; its filters become plugins. */
export function readHttpRoute({ namespace, name, spec }: Manifest, into: Configuration): void {
  const hosts = asTexts(asMap(spec.value)['hostnames']);
  for (const [index, spot] of spec.at('rules').children().entries()) {
    const matches = spot.at('matches').children();
    const filters = spot.at('filters').children();
    const [backend] = spot.at('backendRefs').children();
    const backendName = asText(asMap(backend?.value)['name']);
    const backendNamespace = asText(asMap(backend?.value)['namespace']) ?? namespace;
    const plugins = filters.map(pluginOf).filter((plugin) => plugin !== undefined);
    const methods = matches.map(({ value }) => asText(asMap(value)['method']));
    const conditional = matches.find(
      ({ value }) => (asMap(value)['headers'] ?? asMap(value)['queryParams']) !== undefined,
    );
    into.routes.push({
      form: 'kubernetes',
      spot,
      id: undefined,
      label: `${name}/rule ${index}`,
      uris: matches.length === 0 ? ['/*'] : matches.flatMap(({ value }) => pathsOf(asMap(asMap(value)['path']))),
      hosts,
      methods: methods.includes(undefined) ? [] : methods.filter((method) => method !== undefined),
      priority: 0,
      vars: conditional,
      disabled: false,
      plugins: new Map(plugins.map((plugin) => [plugin.name, plugin])),
      service: undefined,
      pluginConfigs: filters.map((filter) => extensionOf(filter, namespace)).filter((ref) => ref !== undefined),
      upstreamRef: undefined,
      upstream:
        backendName === undefined ? undefined : upstreamOf(qualified(backendNamespace, backendName), spot, into),
    });
  }
}

function upstreamOf(id: string, rule: Spot, { upstreams }: Configuration): Upstream {
  return upstreams.get(id) ?? unread({ id, spot: rule.at('backendRefs', 0) });
}

/** A prefix of the Gateway API ends at a slash: `/a` covers `/a` and `/a/…`, not `/ab`. */
function pathsOf({ type, value }: Data): readonly string[] {
  const path = asText(value) ?? '/';
  if (type === 'Exact') return [path];
  if (type === 'RegularExpression') return ['/*'];
  return path === '/' ? ['/*'] : [path, `${path.replace(/\/$/, '')}/*`];
}

function extensionOf(filter: Spot, namespace: string): Reference | undefined {
  const { kind, name } = asMap(asMap(filter.value)['extensionRef']);
  if (kind !== 'PluginConfig' || typeof name !== 'string') return undefined;
  return { id: qualified(namespace, name), spot: filter.at('extensionRef', 'name') };
}

/** What the ingress controller makes of a filter. */
function pluginOf(filter: Spot): Plugin | undefined {
  const { type, urlRewrite, requestHeaderModifier } = asMap(filter.value);
  const plugin = (name: string, spot: Spot, config: Data): Plugin => ({ name, config, spot, disabled: false });
  if (type === 'RequestMirror') return plugin('proxy-mirror', filter.at('requestMirror'), {});
  if (type === 'URLRewrite') {
    const path = asMap(asMap(urlRewrite)['path']);
    const host = asMap(urlRewrite)['hostname'];
    return plugin('proxy-rewrite', filter.at('urlRewrite'), {
      ...(Object.keys(path).length === 0 ? {} : { regex_uri: ['^/', '/'] }),
      ...(host === undefined ? {} : { host }),
    });
  }
  if (type === 'RequestHeaderModifier') {
    const { set, add, remove } = asMap(requestHeaderModifier);
    const named = (list: unknown) =>
      Object.fromEntries(
        (Array.isArray(list) ? list : []).map((item) => [asText(asMap(item)['name']) ?? '', asMap(item)['value']]),
      );
    return plugin('proxy-rewrite', filter.at('requestHeaderModifier'), {
      headers: { set: named(set), add: named(add), remove: asTexts(remove) },
    });
  }
  return undefined;
}
