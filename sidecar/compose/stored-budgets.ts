import type { Store } from '../core/ports.ts';
import type { Owner, ResourceKind, ResourceRecordOf } from '../core/resources.ts';
import type { AdminDeps } from '../http/admin/ports.ts';
import { isBudget, judgeBudget, judgeUpstreams, meteredOf } from '../resources/budgets.ts';
import type { Beside, Budget, MeteredUpstream } from '../resources/budgets.ts';
import { pages } from './pages.ts';

type ReadableStore = Pick<Store, 'listResources'>;

/** What a document is judged beside: all that is stored. What `pruned` owns goes unless the document declares it again. */
export async function readBeside(store: ReadableStore, pruned?: Owner): Promise<Beside> {
  const upstreams = await readAll('upstream', store);
  const limits = await readAll('limit', store);
  return {
    upstreams: upstreams.filter(({ owner }) => owner !== pruned).map(metered),
    going: upstreams.filter(({ owner }) => owner === pruned).map(metered),
    budgets: budgetsOf(limits.filter(({ owner }) => owner !== pruned)),
  };
}

/** Judges one change by the limits and upstreams that are stored. */
export function createBudgetJudges(store: ReadableStore): Pick<AdminDeps, 'judgeLimit' | 'judgeUpstream'> {
  const stored = async (): Promise<ReadonlyMap<string, MeteredUpstream>> =>
    new Map((await readAll('upstream', store)).map((record) => [record.id, metered(record)]));
  return {
    judgeLimit: async (spec) => judgeBudget(spec, await stored()),
    async judgeUpstream(id, spec) {
      const before = await stored();
      const after = new Map(before);
      if (spec === undefined) after.delete(id);
      else after.set(id, meteredOf(id, spec));
      const found = judgeUpstreams(before, after, budgetsOf(await readAll('limit', store)));
      return found.map(({ upstream: _upstream, ...problem }) => problem);
    },
  };
}

function metered({ id, spec }: ResourceRecordOf<'upstream'>): MeteredUpstream {
  return meteredOf(id, spec);
}

function budgetsOf(limits: readonly ResourceRecordOf<'limit'>[]): readonly Budget[] {
  return limits
    .filter(({ spec }) => isBudget(spec.measure))
    .map(({ id, spec: { measure, upstreams } }) => ({ id, measure, upstreams }));
}

async function readAll<K extends ResourceKind>(kind: K, store: ReadableStore): Promise<readonly ResourceRecordOf<K>[]> {
  const found: ResourceRecordOf<K>[] = [];
  for await (const page of pages((range) => store.listResources(kind, range))) {
    found.push(...(page as readonly ResourceRecordOf<K>[]));
  }
  return found;
}
