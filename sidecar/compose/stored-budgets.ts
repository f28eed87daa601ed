import type { Store } from '../core/ports.ts';
import type { Owner, ResourceKind, ResourceRecordOf } from '../core/resources.ts';
import type { AdminDeps } from '../http/admin/ports.ts';
import { judgeBudget, judgeUpstreamChange, meteredOf, type MeteredUpstream } from '../resources/budgets.ts';
import { pages } from './pages.ts';

type ReadableStore = Pick<Store, 'listResources'>;

/** What budgets have to know of the upstreams in the store; without those of `owner`, which are about to be declared anew. */
export async function readMeteredUpstreams(store: ReadableStore, owner?: Owner): Promise<readonly MeteredUpstream[]> {
  const upstreams = await readAll('upstream', store);
  return upstreams.filter((record) => record.owner !== owner).map(({ id, spec }) => meteredOf(id, spec));
}

/** Judges one change by the limits and upstreams that are stored. */
export function createBudgetJudges(store: ReadableStore): Pick<AdminDeps, 'judgeLimit' | 'judgeUpstream'> {
  const stored = async (): Promise<ReadonlyMap<string, MeteredUpstream>> =>
    new Map((await readMeteredUpstreams(store)).map((upstream) => [upstream.id, upstream]));
  return {
    judgeLimit: async (spec) => judgeBudget(spec, await stored()),
    async judgeUpstream(id, spec) {
      const next = spec === undefined ? undefined : meteredOf(id, spec);
      return judgeUpstreamChange({ id, next }, await readAll('limit', store), await stored());
    },
  };
}

async function readAll<K extends ResourceKind>(kind: K, store: ReadableStore): Promise<readonly ResourceRecordOf<K>[]> {
  const found: ResourceRecordOf<K>[] = [];
  for await (const page of pages((range) => store.listResources(kind, range))) {
    found.push(...(page as readonly ResourceRecordOf<K>[]));
  }
  return found;
}
