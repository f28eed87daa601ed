import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';

interface RotateAnswer {
  readonly id: string;
  readonly key: string;
  /** The sidecar keeps it where it reads it at start. */
  readonly kept: boolean;
  readonly previous: { readonly expires_at: string | null } | null;
}

export function addGatewayRotateCommand(gateway: Command, cli: Cli): void {
  const command = gateway
    .command('rotate')
    .description('give a gateway a new key, shown once; the old one stays valid for the overlap')
    .argument('[id]', 'the gateway', 'default')
    .option('--overlap <duration>', 'how long the old key stays valid (default: 24h)')
    .action(async (id: string, { overlap }: { readonly overlap?: string }, self: Command) =>
      cli.withAdmin(self, async (api) => {
        const request = { method: 'POST', path: pathOf('gateways', id, 'rotate'), json: { overlap } } as const;
        const answer = (await api.call(request)) as RotateAnswer;
        cli.print(self, answer, () => {
          const { key, kept, previous } = answer;
          const until = previous?.expires_at;
          const { terminal } = cli;
          terminal.err(`The new key of gateway ${id}, shown this once: set it as CREDENTIALFLOW_GATEWAY_KEY of APISIX`);
          terminal.err(until === undefined || until === null ? '.\n' : ` before ${until}, when the old one ends.\n`);
          if (!kept)
            terminal.err('If the sidecar itself is configured with the old key, give it the new one as well.\n');
          return key;
        });
      }),
    );
  withExamples(command, 'credentialflow gateway rotate', 'credentialflow gateway rotate edge --overlap 1h --json');
}
