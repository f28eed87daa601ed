import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addTokenDenyCommand } from './token-deny.ts';
import { addTokenIssueCommand } from './token-issue.ts';
import { addTokenListCommand } from './token-list.ts';
import { addTokenNewCommand } from './token-new.ts';
import { addTokenRevokeCommand } from './token-revoke.ts';
import { addTokenRotateCommand } from './token-rotate.ts';

export function addTokenCommands(program: Command, cli: Cli): void {
  const token = program.command('token').description('the tokens that consumers present');
  addTokenIssueCommand(token, cli);
  addTokenListCommand(token, cli);
  addTokenRevokeCommand(token, cli);
  addTokenDenyCommand(token, cli);
  addTokenRotateCommand(token, cli);
  addTokenNewCommand(token, cli);
}
