import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { openKeyring } from './offline-keyring.ts';

interface NewOptions {
  readonly consumer: string;
  readonly ttl: string;
}

export function addTokenNewCommand(token: Command, cli: Cli): void {
  const command = token
    .command('new')
    .description('make a token offline, and the line for the `tokens` of a resource file; needs the master key')
    .requiredOption('--consumer <id>', 'whose token it is')
    .requiredOption('--ttl <duration>', 'how long it lives, such as 90d')
    .action(async ({ consumer, ttl }: NewOptions, self: Command) => {
      if (!/^[A-Za-z0-9][A-Za-z0-9._@-]*$/.test(consumer)) throw usageFailure('--consumer is no id of a consumer');
      const local = await cli.local(self);
      const expiresAt = new Date(Date.now() + (await readTtl(ttl, local.config.tokens.maxTtlMs))).toISOString();
      const keyring = await openKeyring(local);
      const { mintToken } = await import('../token-validators/opaque-token.ts');
      const { randomBase62 } = await import('../keys/random-text.ts');
      const { tokenTagPurpose } = await import('../keys/token-tags.ts');
      const minted = mintToken({ keyId: keyring.current, tagKey: keyring.derive(tokenTagPurpose), randomBase62 });
      const { id, sha256 } = minted;
      const line = `- { id: ${id}, consumer: "${consumer}", sha256: ${JSON.stringify(sha256)}, expires_at: "${expiresAt}" }`;
      const shown = { id, token: minted.token.reveal(), consumer, sha256, expires_at: expiresAt, yaml: line };
      cli.print(self, shown, () =>
        [
          '# The token, shown this once. Give it to its consumer:',
          shown.token,
          '# For `tokens:` of a resource file:',
          line,
        ].join('\n'),
      );
    });
  withExamples(command, 'credentialflow token new --consumer team-search --ttl 90d');
}

async function readTtl(text: string, maxTtlMs: number): Promise<number> {
  const { formatDuration, parseDuration } = await import('../config/units.ts');
  const ttlMs = parseDuration(text);
  if (ttlMs === undefined || ttlMs <= 0) throw usageFailure('--ttl must be a duration with a unit, such as 90d');
  if (ttlMs <= maxTtlMs) return ttlMs;
  throw new CliFailure(exitCodes.invalid, `the token would live longer than ${formatDuration(maxTtlMs)}`, {
    code: 'resource_invalid',
    fix: 'choose a shorter life, or raise tokens.max_ttl',
  });
}
