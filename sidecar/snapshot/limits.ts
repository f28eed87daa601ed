import type { LimitEntry } from '../core/limit.ts';
import type { LimitSpec, ResourceRecordOf } from '../core/resources.ts';
import type { Table } from '../core/table.ts';
import { checkShape, readableFields } from './check-shape.ts';
import { messageOf } from './message-of.ts';

export interface CompiledLimit {
  readonly id: string;
  readonly spec: LimitSpec;
  readonly entry: LimitEntry;
}

type SubjectsOf = (named: Pick<LimitSpec, 'consumers' | 'groups' | 'labels'>) => ReadonlySet<string>;

const everyUpstream = '*';

/** `spec` undefined: it limits nothing. */
export function readLimit(record: ResourceRecordOf<'limit'> | undefined): {
  readonly spec: LimitSpec | undefined;
  readonly problem: string | undefined;
} {
  if (record === undefined || record.disabled) return { spec: undefined, problem: undefined };
  try {
    checkShape('limit', record.spec);
    if (record.spec.measure !== 'concurrent' && record.spec.window_ms < 1_000) {
      throw new RangeError('"window_ms", as it is stored, is not what it should be');
    }
    return { spec: record.spec, problem: undefined };
  } catch (error) {
    const problem = `${messageOf(error, 'cannot be read')}; until it is repaired nothing is allowed to whom it names`;
    return { spec: closed(readableFields('limit', record.spec)), problem };
  }
}

/** A fault must not become an allow: a limit that cannot be read has no room, for everyone and everything it may mean. */
function closed({ consumers, groups, labels, upstreams }: Partial<LimitSpec>): LimitSpec {
  const named = consumers !== undefined && groups !== undefined && labels !== undefined;
  return {
    ...(named ? { consumers, groups, labels } : { consumers: ['*'], groups: [], labels: {} }),
    upstreams: upstreams ?? [everyUpstream],
    per: ['consumer'],
    measure: 'requests',
    most: 0,
    window_ms: 60_000,
    mode: 'enforce',
    on_cache_loss: 'deny',
  };
}

export function compileLimit(id: string, spec: LimitSpec, subjectsOf: SubjectsOf): CompiledLimit {
  const { per, measure, most, window_ms: windowMs, mode, on_cache_loss: onCacheLoss } = spec;
  const entry = {
    id,
    countedAs: `${id} ${measure} ${per.join(',')} ${windowMs}`,
    subjects: subjectsOf(spec),
    labels: Object.entries(spec.labels).slice(1),
    per,
    measure,
    most,
    windowMs,
    enforced: mode === 'enforce',
    onCacheLoss,
  };
  return { id, spec, entry };
}

/** What a decision about this upstream looks at, in the order of ids. */
export function limitsFor(upstream: string, limits: Table<CompiledLimit>): readonly LimitEntry[] {
  if (limits.size === 0) return none;
  return [...limits.values()]
    .filter(({ spec }) => spec.upstreams.includes(upstream) || spec.upstreams.includes(everyUpstream))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ entry }) => entry);
}

const none: readonly never[] = [];
