import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addKeysListCommand } from './keys-list.ts';
import { addKeysRecoverCommand } from './keys-recover.ts';
import { addKeysRetireCommand } from './keys-retire.ts';
import { addKeysRewrapCommand } from './keys-rewrap.ts';
import { addKeysRotateCommand } from './keys-rotate.ts';

export function addKeysCommands(program: Command, cli: Cli): void {
  const keys = program.command('keys').description('the versions of the master key');
  addKeysListCommand(keys, cli);
  addKeysRotateCommand(keys, cli);
  addKeysRewrapCommand(keys, cli);
  addKeysRetireCommand(keys, cli);
  addKeysRecoverCommand(keys, cli);
}
