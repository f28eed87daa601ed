import type { Route } from './configuration.ts';

export interface Request {
  readonly uri: string;
  readonly host: string;
  readonly method: string;
}

/**
 * The gateway's order: routes of the request's host before routes of every host; an exact path before a prefix
 * (`/a/*`), a longer prefix before a shorter one; then the higher priority.
 */
export function matchRoute(routes: readonly Route[], request: Request): Route | undefined {
  let best: { readonly route: Route; readonly rank: readonly number[] } | undefined;
  for (const route of routes) {
    if (route.methods !== undefined && !route.methods.includes(request.method)) continue;
    const host = rankHost(route, request.host);
    const path = rankPath(route, request.uri);
    if (host === undefined || path === undefined) continue;
    const rank = [host, path, route.priority];
    if (best === undefined || isHigher(rank, best.rank)) best = { route, rank };
  }
  return best?.route;
}

function rankHost(route: Route, host: string): number | undefined {
  const hosts = route.hosts ?? (route.host === undefined ? [] : [route.host]);
  if (hosts.length === 0) return 0;
  const matching = hosts.filter((known) => (known.startsWith('*') ? host.endsWith(known.slice(1)) : known === host));
  return matching.length === 0 ? undefined : Math.max(...matching.map((known) => known.length));
}

function rankPath(route: Route, uri: string): number | undefined {
  const ranks = (route.uris ?? [route.uri ?? '']).map((path) => {
    if (!path.endsWith('*')) return path === uri ? Number.MAX_SAFE_INTEGER : -1;
    return uri.startsWith(path.slice(0, -1)) ? path.length : -1;
  });
  const best = Math.max(...ranks);
  return best < 0 ? undefined : best;
}

function isHigher(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] ?? 0) > (b[i] ?? 0);
  return false;
}
