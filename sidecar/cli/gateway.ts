import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addGatewayEnvCommand } from './gateway-env.ts';
import { addGatewayLogKeyCommand } from './gateway-log-key.ts';
import { addGatewayRotateCommand } from './gateway-rotate.ts';

export function addGatewayCommands(program: Command, cli: Cli): void {
  const gateway = program.command('gateway').description('what the gateway needs');
  addGatewayEnvCommand(gateway, cli);
  addGatewayLogKeyCommand(gateway, cli);
  addGatewayRotateCommand(gateway, cli);
}
