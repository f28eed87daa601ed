import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { kindsHelp } from './kinds.ts';
import { setDisabled } from './set-disabled.ts';

export function addDisableCommand(program: Command, cli: Cli): void {
  const command = program
    .command('disable')
    .description('take a resource out of service at once, whoever owns it')
    .argument('<kind>', kindsHelp)
    .argument('<id>')
    .action(async (kind: string, id: string, _options: unknown, self: Command) =>
      setDisabled('disable', kind, id, self, cli),
    );
  withExamples(command, 'credentialflow disable consumer team-search');
}
