import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addStoreMigrateCommand } from './store-migrate.ts';

export function addStoreCommands(program: Command, cli: Cli): void {
  const store = program.command('store').description('the store of record');
  addStoreMigrateCommand(store, cli);
}
