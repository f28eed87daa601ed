import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { rewrapAll } from './rewrap-all.ts';

export function addKeysRewrapCommand(keys: Command, cli: Cli): void {
  const command = keys
    .command('rewrap')
    .description('seal everything in the store with the current master key, online; for keys that you distribute')
    .option('--every-sidecar-has <version>', 'on a shared store: every ring has this, the current version')
    .action(async ({ everySidecarHas }: { readonly everySidecarHas?: string }, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const result = await rewrapAll(api, everySidecarHas, cli);
        cli.print(self, result, () => `${result.rewrapped} secrets were sealed with the current key.`);
      }),
    );
  withExamples(command, 'credentialflow keys rewrap', 'credentialflow keys rewrap --every-sidecar-has k2');
}
