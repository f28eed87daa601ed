import type { UpstreamSpec } from '../../core/resources.ts';

type Upstream = { readonly id: string; readonly spec: UpstreamSpec };

/** Ids and paths of the routes that every configuration has. */
const reserved = { id: 'credentialflow-token-self', path: '/credentialflow/token/self' } as const;

/** What no gateway could route as the resources mean it. */
export function findConflicts(upstreams: readonly Upstream[]): readonly string[] {
  if (upstreams.length === 0) return ['the resources name no upstream, so there is nothing to route'];
  const conflicts: string[] = [];
  const claimed: Upstream[] = [];
  for (const upstream of upstreams) {
    const { id, spec } = upstream;
    const rival = claimed.find((other) => other.spec.prefix === spec.prefix && shareHost(other.spec, spec));
    if (rival !== undefined) {
      conflicts.push(
        `upstreams ${rival.id} and ${id} have the prefix ${spec.prefix}: give one another prefix, or gateway.hosts`,
      );
    }
    claimed.push(upstream);
    if (spec.routes[0] === reserved.id || spec.prefix === reserved.path) {
      conflicts.push(`upstream ${id} takes the place of the route ${reserved.id}: name its route or prefix otherwise`);
    }
    // APISIX would read them as a wildcard, a parameter, an escape or a group of the replacement.
    if (/[*:%$]/.test(spec.prefix)) conflicts.push(`the prefix of upstream ${id} holds "*", ":", "%" or "$"`);
    if (/[%$]/.test(new URL(spec.base_url).pathname))
      conflicts.push(`the path of base_url of upstream ${id} holds "%" or "$"`);
  }
  return conflicts;
}

/** Equal names, or none on both sides: a more specific host wins over a wildcard and over none. */
function shareHost(a: UpstreamSpec, b: UpstreamSpec): boolean {
  const mine = a.gateway?.hosts ?? [];
  const theirs = b.gateway?.hosts ?? [];
  if (mine.length === 0 || theirs.length === 0) return mine.length === theirs.length;
  return mine.some((host) => theirs.includes(host));
}
