import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { collectionOf, kindsHelp, singularOf } from './kinds.ts';

export function addDeleteCommand(program: Command, cli: Cli): void {
  const command = program
    .command('delete')
    .description('delete a resource that no file owns')
    .argument('<kind>', kindsHelp)
    .argument('<id>')
    .action(async (kind: string, id: string, _options: unknown, self: Command) => {
      const collection = collectionOf(kind);
      await cli.withAdmin(self, async (api) => {
        const answer = await api.call({ method: 'DELETE', path: pathOf(collection, id) });
        cli.print(self, answer, () => `Deleted ${singularOf(collection)} ${id}.`);
      });
    });
  withExamples(command, 'credentialflow delete policy search-may-chat');
}
