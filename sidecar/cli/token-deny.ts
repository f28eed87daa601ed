import type { Command } from 'commander';
import { createHash } from 'node:crypto';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { usageFailure } from './failure.ts';

interface DenyOptions {
  readonly issuer: string;
  readonly token?: string;
  readonly jti?: string;
  readonly subject?: string;
  readonly issuedBefore?: string;
  readonly expiresAt?: string;
  readonly reason?: string;
}

export function addTokenDenyCommand(token: Command, cli: Cli): void {
  const command = token
    .command('deny')
    .description('refuse tokens of an issuer (JWTs) from now on; `delete revocation <id>` takes it back')
    .requiredOption('--issuer <id>', 'whose tokens')
    .option('--token <id>', 'one token, as the audit names it: jwt_…; never the token itself')
    .option('--jti <jti>', 'tokens with this jti')
    .option('--subject <sub>', 'tokens of this subject')
    .option('--issued-before <time>', 'only those issued before, RFC 3339; `now` for all there are')
    .option('--expires-at <time>', 'until when, RFC 3339 (default: for good)')
    .option('--reason <text>', 'why')
    .action(async (options: DenyOptions, self: Command) => {
      const { issuer, token: tokenId, jti, subject, expiresAt, reason } = options;
      const before = options.issuedBefore === 'now' ? new Date().toISOString() : options.issuedBefore;
      const selectors = { token: tokenId, jti, subject, issued_before: before };
      if (Object.values(selectors).every((value) => value === undefined)) {
        throw usageFailure('it does not say which tokens', 'give --token, --jti, --subject or --issued-before');
      }
      // The same tokens, the same revocation: doing it twice changes nothing.
      const id = `deny-${createHash('sha256')
        .update(JSON.stringify([issuer, selectors]))
        .digest('hex')
        .slice(0, 24)}`;
      const json = { issuer, ...selectors, expires_at: expiresAt, reason };
      await cli.withAdmin(self, async (api) => {
        await api.call({ method: 'GET', path: pathOf('issuers', issuer) });
        const answer = await api.call({ method: 'PUT', path: pathOf('revocations', id), json });
        cli.print(self, answer, () => `The tokens are refused from now on (revocation ${id}).`);
      });
    });
  withExamples(
    command,
    'credentialflow token deny --issuer corp --token jwt_3f2a9c0d1e2f3a4b5c6d7e8f',
    'credentialflow token deny --issuer corp --subject jane@example.com --issued-before now --reason "laptop lost"',
  );
}
