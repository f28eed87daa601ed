import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { findKey } from './find-key.ts';

export function addGatewayLogKeyCommand(gateway: Command, cli: Cli): void {
  const command = gateway
    .command('log-key')
    .description('print a log key for one gateway, whose log then counts for its own upstreams only')
    .argument('<id>', 'the gateway')
    .action(async (id: string, _options: unknown, self: Command) => {
      const { gatewayLogKey } = await import('../keys/gateway-log-key.ts');
      const key = gatewayLogKey(await findKey('log', await cli.local(self)), id);
      cli.print(self, { id, key }, () => key);
    });
  withExamples(command, 'credentialflow gateway log-key edge', 'credentialflow gateway log-key edge --json');
}
