import type { Command } from 'commander';
import { addApisixRenderCommand } from './apisix-render.ts';
import type { Cli } from './cli.ts';

export function addApisixCommands(program: Command, cli: Cli): void {
  const apisix = program.command('apisix').description('the configuration of the gateway');
  addApisixRenderCommand(apisix, cli);
}
