import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { readSecret } from './read-secret.ts';

export function addCredentialCommands(program: Command, cli: Cli): void {
  const credential = program.command('credential').description("the upstreams' secrets");
  const command = credential
    .command('set')
    .description('store the secret of a credential, read from stdin or a prompt; it is sealed at once')
    .argument('<id>')
    .option('--upstream <id>', 'create the credential for this upstream if it does not exist')
    .action(async (id: string, { upstream }: { readonly upstream?: string }, self: Command) => {
      const secret = await readSecret(cli.terminal, `Secret of ${id}`);
      await cli.withAdmin(self, async (api) => {
        const json = { secret: secret.reveal(), upstream };
        const answer = await api.call({ method: 'PUT', path: pathOf('credentials', id, 'secret'), json });
        cli.print(self, answer, () => `The secret of credential ${id} is stored.`);
      });
    });
  withExamples(
    command,
    'credentialflow credential set openai-main < key.txt',
    'pass show openai | credentialflow credential set openai-main --upstream openai',
  );
}
