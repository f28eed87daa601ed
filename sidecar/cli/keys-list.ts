import type { Command } from 'commander';
import type { KeyOverview } from '../keys/key-administration.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { formatTable } from './table.ts';

export function addKeysListCommand(keys: Command, cli: Cli): void {
  const command = keys
    .command('list')
    .description('the versions of the master key, and how many secrets are sealed with each; never a key')
    .action(async (_options: unknown, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const answer = (await api.call({ method: 'GET', path: '/keys' })) as KeyOverview;
        cli.print(self, answer, () => {
          const columns = ['VERSION', 'STATE', 'IN RING', 'SEALED', 'FINGERPRINT'];
          const rows = answer.versions.map(({ version, state, in_ring: inRing, sealed, fingerprint }) => [
            version,
            state,
            inRing ? 'yes' : 'no',
            String(sealed),
            fingerprint,
          ]);
          return formatTable(columns, rows, (text) => cli.terminal.paintOut('bold', text));
        });
      }),
    );
  withExamples(command, 'credentialflow keys list');
}
