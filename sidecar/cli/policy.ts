import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addPolicyDiffCommand } from './policy-diff.ts';
import { addPolicySuggestCommand } from './policy-suggest.ts';
import { addPolicyTestCommand } from './policy-test.ts';

export function addPolicyCommands(program: Command, cli: Cli): void {
  const policy = program.command('policy').description('test policies, compare them, and find what nobody needs');
  addPolicyTestCommand(policy, cli);
  addPolicyDiffCommand(policy, cli);
  addPolicySuggestCommand(policy, cli);
}
