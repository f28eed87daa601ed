import type { Rule } from '../rule.ts';
import { asList, asMap } from '../source.ts';
import type { Spot } from '../source.ts';

/** ADR 0020 has the argument. */
export const aiPath: Rule = {
  id: 'ai-path',
  severity: 'error',
  title: 'ai-proxy sends to another path than was judged',
  why: 'ai-proxy runs after forward-auth and ignores the client’s path: with scheme and host alone in override.endpoint (or without it) it chooses the API’s path by what it finds in the body, so a client who may chat makes embeddings; with a whole endpoint on a route of many paths, a policy about any of them opens this one.',
  fix: 'the whole URL in override.endpoint, on a route of exactly that path; apisix render makes it so (gateway.ai_proxy)',
  *check({ placed }) {
    for (const { plugin, routes } of placed) {
      const holders = holdersOf(plugin.name, plugin.spot);
      for (const holder of holders) {
        if (hasPath(asMap(holder.at('override').value)['endpoint'])) continue;
        yield { spot: holder.at('override', 'endpoint'), detail: 'override.endpoint has no path' };
      }
      const many = holders.length === 0 ? [] : routes.filter(({ route }) => route.uris.some(isMany));
      for (const { route } of many) {
        yield { spot: plugin.spot, detail: `all of ${route.uris.filter(isMany).join(', ')} becomes one path` };
      }
    }
  },
};

/** Where endpoints are set: the plugin itself, or each of its instances. */
function holdersOf(name: string, spot: Spot): readonly Spot[] {
  if (name === 'ai-proxy') return [spot];
  return name === 'ai-proxy-multi' && asList(spot.at('instances').value).length > 0
    ? spot.at('instances').children()
    : [];
}

function hasPath(endpoint: unknown): boolean {
  return typeof endpoint === 'string' && URL.canParse(endpoint) && new URL(endpoint).pathname !== '/';
}

const isMany = (uri: string): boolean => uri.includes('*') || uri.includes(':');
