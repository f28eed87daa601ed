import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { findKey } from './find-key.ts';

const names = ['CREDENTIALFLOW_GATEWAY_KEY', 'CREDENTIALFLOW_LOG_KEY'] as const;

export function addGatewayEnvCommand(gateway: Command, cli: Cli): void {
  const command = gateway
    .command('env')
    .description('print the variables that APISIX needs, and the lines of its config.yaml; they hold keys')
    .action(async (_options: unknown, self: Command) => {
      const local = await cli.local(self);
      const values = {
        CREDENTIALFLOW_GATEWAY_KEY: (await findKey('gateway', local)).reveal(),
        CREDENTIALFLOW_LOG_KEY: (await findKey('log', local)).reveal(),
      };
      cli.print(self, { env: values, nginx_config: { envs: names } }, () =>
        [
          ...names.map((name) => `${name}=${values[name]}`),
          '# config.yaml of APISIX, which hands them to apisix.yaml:',
          '# nginx_config:',
          '#   envs:',
          ...names.map((name) => `#     - ${name}`),
        ].join('\n'),
      );
    });
  withExamples(
    command,
    'credentialflow gateway env > apisix.env && chmod 600 apisix.env',
    'docker run --env-file apisix.env apache/apisix:3.18.0-debian',
    'credentialflow gateway env --json',
  );
}
