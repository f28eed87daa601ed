import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { readSecret } from './read-secret.ts';
import { rewrapAll } from './rewrap-all.ts';

export function addKeysRotateCommand(keys: Command, cli: Cli): void {
  const command = keys
    .command('rotate')
    .description('make a new master key current and seal everything with it, online; repeat it where it was cut off')
    .option('--supply', 'take the new key (32 bytes in base64) from stdin or a prompt instead of making one')
    .action(async ({ supply }: { readonly supply?: boolean }, self: Command) => {
      const key = supply === true ? (await readSecret(cli.terminal, 'New master key')).reveal() : undefined;
      await cli.withAdmin(self, async (api) => {
        const rotated = (await api.call({ method: 'POST', path: '/keys/rotate', json: { key } })) as {
          readonly version: string;
          readonly made: boolean;
        };
        const { version, made } = rotated;
        const what = made ? 'is the current master key now' : 'is current already: its rotation goes on';
        cli.terminal.err(`${version} ${what}\n`);
        const result = await rewrapAll(api, undefined, cli);
        cli.print(self, { ...rotated, ...result }, () =>
          [
            `${version} is current; ${result.rewrapped} secrets were sealed with it.`,
            'Older versions still open what is left: `credentialflow keys list`, then `credentialflow keys retire`.',
          ].join('\n'),
        );
      });
    });
  withExamples(command, 'credentialflow keys rotate', 'openssl rand -base64 32 | credentialflow keys rotate --supply');
}
