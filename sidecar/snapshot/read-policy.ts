import type { PolicySpec, ResourceRecordOf } from '../core/resources.ts';
import type { PolicyEntry } from '../core/snapshot.ts';
import { checkShape, readableFields } from './check-shape.ts';
import { messageOf } from './message-of.ts';

export interface ReadPolicy {
  /** Undefined: it says nothing. */
  readonly policy: PolicyEntry | undefined;
  readonly problem: string | undefined;
}

/**
 * A policy that cannot be read is left out: it allows nothing. Where it still says that it denies, it denies more than
 * it did, since a fault must not become an allow: every method and path, and everyone and everything that it can no
 * longer name.
 */
export function readPolicy(
  id: string,
  record: ResourceRecordOf<'policy'> | undefined,
  check: (spec: PolicySpec) => void,
): ReadPolicy {
  if (record === undefined || record.disabled) return { policy: undefined, problem: undefined };
  const { spec } = record;
  try {
    checkShape('policy', spec);
    check(spec);
    return { policy: { id, spec }, problem: undefined };
  } catch (error) {
    const message = messageOf(error, 'cannot be compiled');
    const readable = readableFields('policy', spec) as Partial<PolicySpec>;
    if (readable.effect === 'allow') return { policy: undefined, problem: message };
    if (readable.effect === 'deny') {
      const problem = `${message}; until it is repaired it denies every method and path to whom it names`;
      return { policy: { id, spec: widen(readable) }, problem };
    }
    const problem = `${message}; whether it allowed or denied is not known, so it does neither`;
    return { policy: undefined, problem };
  }
}

function widen({ consumers, groups, labels, upstreams, mode }: Partial<PolicySpec>): PolicySpec {
  const named = consumers !== undefined && groups !== undefined && labels !== undefined;
  return {
    effect: 'deny',
    ...(named ? { consumers, groups, labels } : { consumers: ['*'], groups: [], labels: {} }),
    upstreams: upstreams ?? ['*'],
    methods: [],
    paths: [],
    // In shadow mode it denied nothing, and still does.
    ...(mode === undefined ? {} : { mode }),
  };
}
