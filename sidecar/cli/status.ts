import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { formatFacts } from './table.ts';

export function addStatusCommand(program: Command, cli: Cli): void {
  const command = program
    .command('status')
    .description('what the sidecar says about itself: store, cache, sources, credentials that cannot be used')
    .action(async (_options: unknown, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const answer = await api.call({ method: 'GET', path: '/status' });
        cli.print(self, answer, () => formatFacts(answer));
      }),
    );
  withExamples(command, 'credentialflow status', 'credentialflow status --json');
}
