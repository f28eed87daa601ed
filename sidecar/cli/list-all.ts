import { pathOf } from './admin-api.ts';
import type { AdminApi } from './admin-api.ts';

/** Every page of a list. */
export async function listAll(
  api: AdminApi,
  collection: string,
  filter: Readonly<Record<string, string | undefined>> = {},
): Promise<readonly unknown[]> {
  const items: unknown[] = [];
  let after: string | undefined;
  do {
    const query = { ...filter, limit: '1000', after };
    const page = (await api.call({ method: 'GET', path: pathOf(collection), query })) as {
      readonly items: readonly unknown[];
      readonly next: string | null;
    };
    for (const item of page.items) items.push(item);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return items;
}
