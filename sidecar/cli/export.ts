import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';

/** Everything in the store can be much: milliseconds. */
const timeoutMs = 120_000;

export function addExportCommand(program: Command, cli: Cli): void {
  const command = program
    .command('export')
    .description(
      'print every resource as a file that `apply` takes back (secrets by reference or sealed, tokens by hash)',
    )
    .action(async (_options: unknown, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const answer = (await api.call({ method: 'GET', path: '/export', timeoutMs })) as { readonly document: string };
        cli.print(self, answer, () => answer.document);
      }),
    );
  withExamples(command, 'credentialflow export > backup.yaml');
}
