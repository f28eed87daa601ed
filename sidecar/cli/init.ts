import type { Command } from 'commander';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Cli } from './cli.ts';
import { commandName } from './command-name.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';

export function addInitCommand(program: Command, cli: Cli): void {
  const command = program
    .command('init')
    .description('write a commented credentialflow.yaml and resources.yaml')
    .option('--dir <directory>', 'where', '.')
    .option('--force', 'write over files that exist')
    .action(async (options: { readonly dir: string; readonly force?: boolean }, self: Command) => {
      const { configTemplate } = await import('../config/template.ts');
      const { resourcesTemplate } = await import('../resources/template.ts');
      const { cwd } = cli.terminal;
      const directory = resolve(cwd, options.dir);
      const files = [
        { path: join(directory, 'credentialflow.yaml'), text: configTemplate() },
        { path: join(directory, 'resources.yaml'), text: resourcesTemplate() },
      ];
      const existing = files.filter(({ path }) => existsSync(path)).map(({ path }) => relative(cwd, path));
      if (existing.length > 0 && options.force !== true) {
        throw new CliFailure(
          exitCodes.failed,
          `${existing.join(' and ')} ${existing.length > 1 ? 'exist' : 'exists'} already`,
          {
            code: 'file_exists',
            fix: 'choose another --dir, or write over with --force',
          },
        );
      }
      mkdirSync(directory, { recursive: true });
      for (const { path, text } of files) writeFileSync(path, text, { flag: options.force === true ? 'w' : 'wx' });
      const written = files.map(({ path }) => relative(cwd, path));
      cli.print(self, { written }, () =>
        [
          `Wrote ${written.join(' and ')}.`,
          `Next: edit them, then \`${commandName(cli.terminal)} check\`, then \`${commandName(cli.terminal)} serve\`.`,
        ].join('\n'),
      );
    });
  withExamples(command, 'credentialflow init', 'credentialflow init --dir /etc/credentialflow');
}
