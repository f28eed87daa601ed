import type { Store } from '../core/ports.ts';
import type { Owner, ResourceRecordOf } from '../core/resources.ts';
import { meteredOf, type MeteredUpstream } from '../resources/budgets.ts';

const pageSize = 500;

/** What budgets have to know of the upstreams in the store; without those of `owner`, which are about to be declared anew. */
export async function readMeteredUpstreams(
  store: Pick<Store, 'listResources'>,
  owner?: Owner,
): Promise<readonly MeteredUpstream[]> {
  const found: MeteredUpstream[] = [];
  let after: string | undefined;
  do {
    const page = (await store.listResources('upstream', {
      after,
      limit: pageSize,
    })) as readonly ResourceRecordOf<'upstream'>[];
    for (const record of page) if (record.owner !== owner) found.push(meteredOf(record.id, record.spec));
    after = page.length < pageSize ? undefined : page.at(-1)?.id;
  } while (after !== undefined);
  return found;
}
