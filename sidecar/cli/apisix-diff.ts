import type { Command } from 'commander';
import { describePlan, planAsJson } from './apisix-plan.ts';
import { addSourceOptions, readApisixSource } from './apisix-source.ts';
import type { SourceOptions } from './apisix-source.ts';
import { addTargetOptions, withTarget } from './apisix-target.ts';
import type { TargetOptions } from './apisix-target.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';

export function addApisixDiffCommand(apisix: Command, cli: Cli): void {
  const command = addTargetOptions(
    addSourceOptions(
      apisix.command('diff').description("say how the gateway's routes differ from the resources; changes nothing"),
    ),
  ).action(async (options: SourceOptions & TargetOptions, self: Command) => {
    const source = await readApisixSource(options, self, cli);
    await withTarget({ ...options, minimumVersion: source.minimumVersion }, cli, async (target) => {
      const plan = await target.plan(await source.build(target.wiring));
      const { terminal } = cli;
      for (const warning of plan.warnings) terminal.err(`${terminal.paint('yellow', 'warning:')} ${warning}\n`);
      cli.print(self, { gateway: target.name, ...planAsJson(plan) }, () => describePlan(plan, terminal));
      if (plan.steps.length > 0 || plan.refusals.length > 0) cli.finish(exitCodes.differs);
    });
  });
  withExamples(
    command,
    'APISIX_ADMIN_KEY=… credentialflow apisix diff -f resources.yaml --admin http://127.0.0.1:9180',
    'credentialflow apisix diff -f resources.yaml --file /usr/local/apisix/conf/apisix.yaml --json',
  );
}
