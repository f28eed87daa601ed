import type { Configuration, GatewayVersion } from '../configuration.ts';
import { asMap, asText } from '../source.ts';
import type { Spot } from '../source.ts';

/** `3.18.0`, `3.18.0-debian`, `APISIX/3.18.0`. Undefined: no version in it. */
export function parseVersion(text: string, spot?: Spot): GatewayVersion | undefined {
  const found = /(?:^|[/:v])(\d+)\.(\d+)(?:\.\d+)?(?:[-.]|$)/.exec(text);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]), spot };
}

/** Images of pods, of compose files and of Helm values say which gateway runs. */
export function readVersions(spot: Spot, into: Configuration, depth = 0): void {
  if (depth > 10) return;
  const { image, repository, tag } = asMap(spot.value);
  const text = asText(image) ?? '';
  if (/(?:^|\/)apisix:/.test(text)) add(into, text, spot.at('image'));
  if (/(?:^|\/)apisix$/.test(asText(repository) ?? '') && typeof tag === 'string') add(into, tag, spot.at('tag'));
  for (const child of spot.children()) {
    if (typeof child.value === 'object') readVersions(child, into, depth + 1);
  }
}

function add(into: Configuration, text: string, spot: Spot): void {
  const version = parseVersion(text.replace(/^.*:/, ''), spot);
  if (version !== undefined) into.versions.push(version);
}
