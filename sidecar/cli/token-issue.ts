import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { showIssued } from './show-issued.ts';
import type { IssuedToken } from './show-issued.ts';

interface IssueOptions {
  readonly consumer: string;
  readonly ttl?: string;
  readonly expiresAt?: string;
  readonly notBefore?: string;
  readonly description?: string;
  readonly scope?: readonly string[];
}

export function addTokenIssueCommand(token: Command, cli: Cli): void {
  const command = token
    .command('issue')
    .description('issue a token to a consumer; it is shown once')
    .requiredOption('--consumer <id>', 'whose token it is')
    .option('--ttl <duration>', 'how long it lives, such as 12h or 30d (default: tokens.default_ttl)')
    .option('--expires-at <time>', 'or until when, RFC 3339')
    .option('--not-before <time>', 'refused until then, RFC 3339')
    .option('--description <text>', 'what it is for')
    .option('--scope <policy...>', 'policies that alone may allow with it: fewer rights than its consumer has')
    .action(async (options: IssueOptions, self: Command) => {
      const { consumer, ttl, expiresAt, notBefore, description, scope } = options;
      const json = { consumer, ttl, expires_at: expiresAt, not_before: notBefore, description, scopes: scope };
      await cli.withAdmin(self, async (api) => {
        showIssued((await api.call({ method: 'POST', path: '/tokens', json })) as IssuedToken, self, cli);
      });
    });
  withExamples(
    command,
    'credentialflow token issue --consumer team-search --ttl 30d',
    'credentialflow token issue --consumer team-search --scope search-may-embed',
    'TOKEN=$(credentialflow token issue --consumer ci --ttl 1h --description "nightly run")',
  );
}
