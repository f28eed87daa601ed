import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { readTokenId } from './token-id.ts';

export function addTokenRevokeCommand(token: Command, cli: Cli): void {
  const command = token
    .command('revoke')
    .description('refuse a token from now on, whoever owns it; this cannot be undone')
    .argument('<id>', 'tok_…, as `token list` shows it; never the token itself')
    .action(async (text: string, _options: unknown, self: Command) => {
      const id = readTokenId(text);
      await cli.withAdmin(self, async (api) => {
        const answer = (await api.call({ method: 'POST', path: pathOf('tokens', id, 'revoke') })) as {
          readonly consumer: string;
          readonly revoked_at: string;
        };
        cli.print(self, answer, () => `Token ${id} of ${answer.consumer} is revoked since ${answer.revoked_at}.`);
      });
    });
  withExamples(command, 'credentialflow token revoke tok_3f2a9c');
}
