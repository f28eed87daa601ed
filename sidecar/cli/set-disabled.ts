import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { collectionOf, singularOf } from './kinds.ts';

/** What `enable` and `disable` do. */
export async function setDisabled(
  action: 'enable' | 'disable',
  kind: string,
  id: string,
  self: Command,
  cli: Cli,
): Promise<void> {
  const collection = collectionOf(kind);
  await cli.withAdmin(self, async (api) => {
    const answer = await api.call({ method: 'POST', path: pathOf(collection, id, action) });
    cli.print(self, answer, () => `${singularOf(collection)} ${id} is ${action}d.`);
  });
}
