import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { kindsHelp } from './kinds.ts';
import { setDisabled } from './set-disabled.ts';

export function addEnableCommand(program: Command, cli: Cli): void {
  const command = program
    .command('enable')
    .description('let a resource work again')
    .argument('<kind>', kindsHelp)
    .argument('<id>')
    .action(async (kind: string, id: string, _options: unknown, self: Command) =>
      setDisabled('enable', kind, id, self, cli),
    );
  withExamples(command, 'credentialflow enable consumer team-search');
}
