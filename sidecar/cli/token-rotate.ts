import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { showIssued } from './show-issued.ts';
import type { IssuedToken } from './show-issued.ts';
import { readTokenId } from './token-id.ts';

export function addTokenRotateCommand(token: Command, cli: Cli): void {
  const command = token
    .command('rotate')
    .description('issue a successor; the old token stays valid for the overlap')
    .argument('<id>', 'tok_…, as `token list` shows it')
    .option('--overlap <duration>', 'how long the old one stays valid (default: 24h)')
    .option('--ttl <duration>', 'how long the new one lives (default: tokens.default_ttl)')
    .action(async (text: string, options: { readonly overlap?: string; readonly ttl?: string }, self: Command) => {
      const id = readTokenId(text);
      await cli.withAdmin(self, async (api) => {
        const { overlap, ttl } = options;
        const request = { method: 'POST', path: pathOf('tokens', id, 'rotate'), json: { overlap, ttl } } as const;
        showIssued((await api.call(request)) as IssuedToken, self, cli);
      });
    });
  withExamples(command, 'credentialflow token rotate tok_3f2a9c --overlap 1h --ttl 90d');
}
