import type { PolicySpec } from './resources.ts';

/** Where the gateway puts a field of the client's body: `X-CF-Arg-model: $post_arg.model` among `extra_headers`. */
export const argHeaderPrefix = 'x-cf-arg-';

/** What the conditions of policies read of the client's request that the gateway passes only when it is told to. */
export interface ConditionReads {
  /** Headers, in lower case. */
  readonly headers: readonly string[];
  /** Fields of the body, as they are written there. */
  readonly args: readonly string[];
}

export const readsNothing: ConditionReads = { headers: [], args: [] };

/** What all policies over an upstream read together, those in shadow mode too; sorted. */
export function createUpstreamReads(
  policies: readonly Pick<PolicySpec, 'upstreams' | 'when'>[],
  readsOf: (when: string) => ConditionReads,
): (upstreamId: string) => ConditionReads {
  return (upstreamId) => {
    const headers = new Set<string>();
    const args = new Set<string>();
    for (const { upstreams, when } of policies) {
      if (when === undefined || !(upstreams.includes('*') || upstreams.includes(upstreamId))) continue;
      const reads = readsOf(when);
      for (const name of reads.headers) headers.add(name);
      for (const name of reads.args) args.add(name);
    }
    return { headers: [...headers].sort(), args: [...args].sort() };
  };
}

/** APISIX ends the name of a variable at a hyphen: `$post_arg.max-tokens` would be the field `max`. */
export function isPassableArg(name: string): boolean {
  return !name.includes('-');
}
