import type { Configuration } from '../configuration.ts';
import { asId, asMap } from '../source.ts';
import type { Spot } from '../source.ts';
import { addResource, resourceLists } from './native.ts';

/** apisix.yaml or apisix.json: lists of resources under their plural names. */
export function readStandalone(spot: Spot, into: Configuration): void {
  for (const kind of resourceLists) {
    for (const item of spot.at(kind).children()) {
      const { id, username } = asMap(item.value);
      addResource(into, kind, item, 'standalone', asId(id) ?? asId(username));
    }
  }
}
