import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';

export function addKeysRetireCommand(keys: Command, cli: Cli): void {
  const command = keys
    .command('retire')
    .description('take a version out of use; refused while anything is sealed with it. Its tokens go on working')
    .argument('<version>', 'such as k1')
    .option('--every-sidecar-has <version>', 'on a shared store: every ring has this, the current version')
    .action(async (version: string, { everySidecarHas }: { readonly everySidecarHas?: string }, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const json = { version, every_sidecar_has: everySidecarHas };
        const answer = (await api.call({ method: 'POST', path: '/keys/retire', json })) as {
          readonly removed: boolean;
        };
        cli.print(self, answer, () =>
          answer.removed
            ? `${version} is retired. It is kept in keys/retired.key: backups of its time need it.`
            : `${version} is retired. Remove it from CREDENTIALFLOW_MASTER_KEY of every sidecar, and keep it for backups of its time.`,
        );
      }),
    );
  withExamples(command, 'credentialflow keys retire k1');
}
