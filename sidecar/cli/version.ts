import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { readVersion } from '../compose/package-files.ts';

export function addVersionCommand(program: Command, cli: Cli): void {
  const command = program
    .command('version')
    .description('print the versions of CredentialFlow and Node.js')
    .action((_options: unknown, self: Command) => {
      const version = readVersion();
      cli.print(
        self,
        { version, node: process.versions.node },
        () => `credentialflow ${version} (Node.js ${process.versions.node})`,
      );
    });
  withExamples(command, 'credentialflow version --json');
}
