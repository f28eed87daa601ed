import type { Plain } from '../render/gateway-configuration.ts';
import { nodeDefaults, pluginDefaults, routeDefaults, upstreamDefaults } from './gateway-defaults.ts';

/** A route as the gateway writes it. */
export type RouteDocument = { readonly [name: string]: Plain };

/** The gateway's own notes on an object. */
const bookkeeping = new Set(['create_time', 'update_time']);

/** Paths at which a stored route differs from the wanted one, sorted; no value, for one may be a key. */
export function differencesOf(wanted: RouteDocument, stored: RouteDocument): readonly string[] {
  const found: string[] = [];
  compare(filled(wanted), filled(withoutBookkeeping(stored)), '', found);
  return found.sort();
}

export function withoutBookkeeping(route: RouteDocument): RouteDocument {
  return Object.fromEntries(Object.entries(route).filter(([name]) => !bookkeeping.has(name)));
}

/** With what the gateway would fill in, so that it does not matter which side says it. */
function filled(route: RouteDocument): RouteDocument {
  const { plugins, upstream } = route;
  return {
    ...routeDefaults,
    ...route,
    ...(isFields(plugins)
      ? {
          plugins: Object.fromEntries(
            Object.entries(plugins).map(([name, config]) => [
              name,
              isFields(config) ? { ...pluginDefaults[name], ...config } : config,
            ]),
          ),
        }
      : {}),
    ...(isFields(upstream) ? { upstream: filledUpstream(upstream) } : {}),
  };
}

function filledUpstream(upstream: RouteDocument): RouteDocument {
  const { nodes } = upstream;
  const list = Array.isArray(nodes) ? (nodes as readonly Plain[]) : undefined;
  return {
    ...upstreamDefaults,
    ...upstream,
    ...(list === undefined
      ? {}
      : { nodes: list.map((node) => (isFields(node) ? { ...nodeDefaults, ...node } : node)) }),
  };
}

function compare(a: Plain | undefined, b: Plain | undefined, path: string, found: string[]): void {
  if (isFields(a) && isFields(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      compare(a[name], b[name], path === '' ? name : `${path}.${name}`, found);
    }
    return;
  }
  if (JSON.stringify(empty(a)) !== JSON.stringify(empty(b))) found.push(path);
}

/** Lua writes an empty list as `{}`. */
function empty(value: Plain | undefined): Plain | undefined {
  return isFields(value) && Object.keys(value).length === 0 ? [] : value;
}

function isFields(value: Plain | undefined): value is RouteDocument {
  return typeof value === 'object' && !Array.isArray(value);
}
