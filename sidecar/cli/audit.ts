import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { formatTable } from './table.ts';

interface AuditRow {
  readonly revision: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly kind: string;
  readonly id: string;
}

export function addAuditCommand(program: Command, cli: Cli): void {
  const command = program
    .command('audit')
    .description('the last changes by administrators and files, newest first')
    .option('--limit <number>', 'how many, 1 to 1000', '50')
    .action(async ({ limit }: { readonly limit: string }, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const answer = (await api.call({ method: 'GET', path: '/audit', query: { limit } })) as {
          readonly items: readonly AuditRow[];
        };
        cli.print(self, answer, () => {
          if (answer.items.length === 0) return 'Nothing was changed yet.';
          const columns = ['REVISION', 'AT', 'ACTOR', 'ACTION', 'RESOURCE'];
          const rows = answer.items.map((row) => [
            String(row.revision),
            row.at,
            row.actor,
            row.action,
            `${row.kind}/${row.id}`,
          ]);
          return formatTable(columns, rows, (text) => cli.terminal.paintOut('bold', text));
        });
      }),
    );
  withExamples(command, 'credentialflow audit --limit 10');
}
