import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { listAll } from './list-all.ts';
import { formatTable } from './table.ts';

interface Token {
  readonly id: string;
  readonly consumer: string;
  readonly state: string;
  readonly expires_at: string;
  readonly last_used_at: string | null;
  readonly owner: string;
  readonly description: string | null;
}

export function addTokenListCommand(token: Command, cli: Cli): void {
  const command = token
    .command('list')
    .description('list tokens: never the tokens themselves, which nobody has any more')
    .option('--consumer <id>', 'of this consumer only')
    .action(async ({ consumer }: { readonly consumer?: string }, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const items = (await listAll(api, 'tokens', { consumer })) as readonly Token[];
        cli.print(self, { items }, () => {
          if (items.length === 0) return 'There are no tokens.';
          const columns = ['ID', 'CONSUMER', 'STATE', 'EXPIRES', 'LAST USED', 'OWNER', 'DESCRIPTION'];
          const rows = items.map((item) => [
            item.id,
            item.consumer,
            item.state,
            item.expires_at,
            item.last_used_at ?? 'never',
            item.owner,
            item.description ?? '',
          ]);
          return formatTable(columns, rows, (text) => cli.terminal.paintOut('bold', text));
        });
      }),
    );
  withExamples(command, 'credentialflow token list --consumer team-search', 'credentialflow token list --json');
}
