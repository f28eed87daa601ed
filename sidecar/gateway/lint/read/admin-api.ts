import type { Configuration } from '../configuration.ts';
import { asId, asMap, asText, isMap } from '../source.ts';
import type { Spot } from '../source.ts';
import { addResource, resourceLists } from './native.ts';

const keyPattern = new RegExp(`(?:^|/)(${resourceLists.join('|')})/([^/]+)$`);

/** True where `spot` holds, at some depth, what the Admin API (or the Control API) answers. */
export function isAdminDump(spot: Spot): boolean {
  return entriesOf(spot).length > 0;
}

/**
 * `{total, list: [{key, value}]}`, one `{key, value}`, a list of either, a map of them (one file for everything), and
 * the older `{node: {nodes: […]}}`.
 */
export function readAdminDump(spot: Spot, into: Configuration): void {
  for (const { kind, id, value } of entriesOf(spot)) {
    const own = asMap(value.value);
    addResource(into, kind, value, 'admin-api', asId(own['id']) ?? asId(own['username']) ?? id);
  }
}

interface Entry {
  readonly kind: string;
  readonly id: string;
  readonly value: Spot;
}

function entriesOf(spot: Spot, depth = 0): readonly Entry[] {
  if (depth > 5) return [];
  if (isMap(spot.value)) {
    const key = keyPattern.exec(asText(spot.value['key']) ?? '');
    if (key?.[1] !== undefined && isMap(spot.value['value'])) {
      return [{ kind: key[1], id: key[2] ?? '', value: spot.at('value') }];
    }
  }
  return spot
    .children()
    .filter(({ value }) => typeof value === 'object')
    .flatMap((child) => entriesOf(child, depth + 1));
}

/** What one would PUT: a route alone. */
export function isBareRoute(spot: Spot): boolean {
  const { uri, uris, plugins, upstream, upstream_id: upstreamId, service_id: serviceId } = asMap(spot.value);
  return (uri ?? uris) !== undefined && (plugins ?? upstream ?? upstreamId ?? serviceId) !== undefined;
}

export function readBareRoute(spot: Spot, into: Configuration): void {
  // Its id is in the URL of the PUT, which nobody sees here.
  const id = asId(asMap(spot.value)['id']) ?? asText(asMap(spot.value)['name']) ?? 'the route';
  addResource(into, 'routes', spot, 'admin-api', id);
}
