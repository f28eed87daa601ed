import type { PolicySpec } from '../core/resources.ts';

/** Keeps one of what many resources have alike: most lists of groups, methods and paths stand in many of them. */
export interface Sharing {
  /** The one that was made first under this key. */
  of<T extends object>(key: string, make: () => T): T;
  /** The policy's own, with lists that it shares with others. */
  policy(spec: PolicySpec): PolicySpec;
}

/** `maxKept`: values remembered; beyond them it begins anew, and later resources share less with earlier ones. */
export function createSharing(options: { readonly maxKept: number }): Sharing {
  const kept = new Map<string, object>();

  function of<T extends object>(key: string, make: () => T): T {
    const known = kept.get(key);
    // A key is made of what stands behind it, so it names values of one type.
    if (known !== undefined) return known as T;
    if (kept.size >= options.maxKept) kept.clear();
    const made = make();
    kept.set(key, made);
    return made;
  }

  const list = (values: readonly string[]): readonly string[] => of(JSON.stringify(values), () => values);

  return {
    of,
    policy(spec) {
      const { consumers, groups, labels, upstreams, methods, paths } = spec;
      return {
        ...spec,
        consumers: list(consumers),
        groups: list(groups),
        labels: of(JSON.stringify(labels), () => labels),
        upstreams: list(upstreams),
        methods: list(methods),
        paths: list(paths),
      };
    },
  };
}
