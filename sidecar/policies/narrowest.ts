/** What was asked for and allowed. */
export interface Use {
  readonly method: string;
  /** The upstream's own path. */
  readonly path: string;
}

/** Methods, and the paths on which all of them were used. */
export interface NarrowRule {
  readonly methods: readonly string[];
  readonly paths: readonly string[];
}

/** Ids that differ at one place before a star stands for them. */
const enoughIds = 3;
/** What no person writes as a word: a number, a UUID, a long text with digits in it. */
const looksLikeId = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|(?=[^/]*\d)[A-Za-z0-9_-]{12,})$/;

/**
 * The narrowest rules that allow all of it. A star stands only where at least three different ids were seen and all
 * else of the path was alike; words are never generalised. Paths that no glob can name (`*`) are left out.
 */
export function narrowestRules(uses: readonly Use[]): readonly NarrowRule[] {
  const methodsByPath = new Map<string, Set<string>>();
  for (const { path, method } of generalised(uses)) {
    const methods = methodsByPath.get(path) ?? new Set();
    methodsByPath.set(path, methods.add(method));
  }
  const pathsByMethods = new Map<string, string[]>();
  for (const [path, methods] of methodsByPath) {
    const key = [...methods].sort().join(' ');
    const paths = pathsByMethods.get(key);
    if (paths === undefined) pathsByMethods.set(key, [path]);
    else paths.push(path);
  }
  return [...pathsByMethods].map(([key, paths]) => ({ methods: key.split(' '), paths: paths.sort() }));
}

function generalised(uses: readonly Use[]): readonly Use[] {
  const seen = new Map<string, Set<string>>();
  const shapes = uses.flatMap((use) => {
    if (/[*%\\?#]/.test(use.path)) return [];
    const segments = use.path.split('/');
    // One place at a time: the others as they are, or as ids.
    const shape = segments.map((segment) => (looksLikeId.test(segment) ? '*' : segment)).join('/');
    for (const [at, segment] of segments.entries()) {
      if (!looksLikeId.test(segment)) continue;
      const key = `${use.method} ${shape} ${at}`;
      const ids = seen.get(key) ?? new Set();
      seen.set(key, ids.add(segment));
    }
    return [{ ...use, segments, shape }];
  });
  return shapes.map(({ method, segments, shape }) => {
    const path = segments
      .map((segment, at) => ((seen.get(`${method} ${shape} ${at}`)?.size ?? 0) >= enoughIds ? '*' : segment))
      .join('/');
    return { method, path };
  });
}
