import type { Route } from '../configuration.ts';

/**
 * How `mine` lies to `theirs`: `inside` (all of it, and it is longer), `same`, `around` (it is broader), or `none`. A path
 * ends in `*` for a prefix; parameters (`:name`) stand for one segment.
 */
export function pathsOverlap(mine: string, theirs: string): 'inside' | 'same' | 'around' | 'none' {
  const [a, b] = [mine, theirs].map((path) => path.replace(/:[^/]+/g, '{}').replace(/\*.*$/, '*')) as [string, string];
  if (a === b) return 'same';
  if (b.endsWith('*') && a.startsWith(b.slice(0, -1))) return 'inside';
  if (a.endsWith('*') && b.startsWith(a.slice(0, -1))) return 'around';
  return 'none';
}

export function overlapsHosts(a: Route, b: Route): boolean {
  if (a.hosts.length === 0 || b.hosts.length === 0) return true;
  return a.hosts.some((mine) => b.hosts.some((theirs) => hostCovers(mine, theirs) || hostCovers(theirs, mine)));
}

export function overlapsMethods(a: Route, b: Route): boolean {
  return a.methods.length === 0 || b.methods.length === 0 || a.methods.some((method) => b.methods.includes(method));
}

/** Every request of `narrow` is also one of `broad`, whose path is shorter or whose host is more general. */
export function covers(broad: Route, narrow: Route): boolean {
  if (!overlapsMethods(broad, narrow) || narrow.uris.length === 0) return false;
  const hosts =
    broad.hosts.length === 0 ||
    (narrow.hosts.length > 0 && narrow.hosts.some((host) => broad.hosts.some((known) => hostCovers(known, host))));
  if (!hosts) return false;
  return narrow.uris.some((theirs) =>
    broad.uris.some((mine) => {
      const overlap = pathsOverlap(mine, theirs);
      return overlap === 'around' || (overlap === 'same' && broad.hosts.length === 0 && narrow.hosts.length > 0);
    }),
  );
}

function hostCovers(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*') && host.endsWith(pattern.slice(1)));
}
