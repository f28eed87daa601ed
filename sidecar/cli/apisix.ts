import type { Command } from 'commander';
import { addApisixDiffCommand } from './apisix-diff.ts';
import { addApisixLintCommand } from './apisix-lint.ts';
import { addApisixDoctorCommand } from './apisix-doctor.ts';
import { addApisixRenderCommand } from './apisix-render.ts';
import { addApisixSyncCommand } from './apisix-sync.ts';
import type { Cli } from './cli.ts';

export function addApisixCommands(program: Command, cli: Cli): void {
  const apisix = program.command('apisix').description('the configuration of the gateway');
  addApisixRenderCommand(apisix, cli);
  addApisixDiffCommand(apisix, cli);
  addApisixSyncCommand(apisix, cli);
  addApisixLintCommand(apisix, cli);
  addApisixDoctorCommand(apisix, cli);
}
