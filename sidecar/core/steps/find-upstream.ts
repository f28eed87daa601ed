import type { DenialCode } from '../codes.ts';
import type { DecisionContext, Deliberation } from '../decision.ts';
import { pathOf, readPath, withoutPrefix } from '../path.ts';
import type { UpstreamEntry } from '../snapshot.ts';

/**
 * Step 3. By `/api/auth/<upstream>` or by the gateway's route id, never by a host (the client writes it). Then: may
 * this gateway ask for it, is our state fresh enough for it, and which of its own paths does the request mean.
 */
export function findUpstream(d: Deliberation, ctx: DecisionContext): DenialCode | undefined {
  const route = d.question.headers['x-cf-route'];
  const byRoute = route === undefined || route === '' ? undefined : d.snapshot.upstreamsByRoute.get(route);
  const byName = d.question.upstream === undefined ? undefined : d.snapshot.upstreams.get(d.question.upstream);
  if (d.question.upstream !== undefined && byName === undefined) return 'upstream_unknown';
  const upstream = byName ?? byRoute;
  if (upstream === undefined) return 'upstream_unknown';
  // A route id that no upstream claims does not disagree with a name (an ingress controller generates its ids).
  if (byName !== undefined && byRoute !== undefined && byName !== byRoute) return 'upstream_mismatch';
  if (d.gateway?.upstreams?.has(upstream.id) === false) return 'gateway_upstream_forbidden';
  d.upstream = upstream;
  if (upstream.disabled) return 'upstream_disabled';
  if (ctx.stateAgeMs() > upstream.maxStaleMs) return 'state_stale';
  return judgePath(d, upstream);
}

function judgePath(d: Deliberation, upstream: UpstreamEntry): DenialCode | undefined {
  const rewritten = d.question.headers['x-cf-upstream-uri'];
  const prefix = rewritten !== undefined && rewritten !== '' ? upstream.basePath : upstream.prefix;
  const path = readPath(pathOf(d.target), upstream.encodedSlashes);
  if (path === undefined) return 'path_ambiguous';
  if (prefix.length === 0) {
    d.path = path;
    return undefined;
  }
  const segments = withoutPrefix(path.segments, prefix);
  if (segments === undefined) return 'path_outside_upstream';
  const lenientSegments =
    path.lenientSegments === path.segments
      ? segments
      : (withoutPrefix(path.lenientSegments, prefix) ?? path.lenientSegments);
  d.path = { segments, lenientSegments };
  return undefined;
}
