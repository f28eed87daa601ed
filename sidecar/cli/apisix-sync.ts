import type { Command } from 'commander';
import { describePlan, planAsJson } from './apisix-plan.ts';
import { addSourceOptions, readApisixSource } from './apisix-source.ts';
import type { SourceOptions } from './apisix-source.ts';
import { addTargetOptions, withTarget } from './apisix-target.ts';
import type { TargetOptions } from './apisix-target.ts';
import type { Cli } from './cli.ts';
import { confirm } from './confirm.ts';
import { withExamples } from './examples.ts';
import { usageFailure } from './failure.ts';
import { globalsOf } from './global-options.ts';
import { lintRendered } from './lint-rendered.ts';
import { syncGateway } from './sync-gateway.ts';
import type { SyncReport } from './sync-gateway.ts';

interface ApisixSyncOptions extends SourceOptions, TargetOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly watch?: boolean;
  readonly interval: string;
}

export function addApisixSyncCommand(apisix: Command, cli: Cli): void {
  const command = addTargetOptions(
    addSourceOptions(
      apisix
        .command('sync')
        .description("make the gateway's routes those of the resources; touches only what carries our label"),
    ),
  )
    .option('--dry-run', 'say what would change, change nothing')
    .option('-y, --yes', 'do it without a question')
    .option('--watch', 'keep the gateway in step until a signal comes (needs --yes)')
    .option('--interval <duration>', 'with --watch: how often the gateway itself is looked at, e.g. 5m', '30s')
    .action(async (options: ApisixSyncOptions, self: Command) => {
      if (options.watch !== true) {
        await syncOnce(options, self, cli);
        return;
      }
      if (options.yes !== true || options.dryRun === true) throw usageFailure('--watch needs --yes, and no --dry-run');
      const { parseDuration } = await import('../config/units.ts');
      const intervalMs = parseDuration(options.interval);
      if (intervalMs === undefined || intervalMs < 1_000)
        throw usageFailure('--interval must be a duration of at least 1s', 'such as 30s');
      const { watchGateway } = await import('./watch-gateway.ts');
      const { systemClock } = await import('../ops/clock.ts');
      const warned = new Set<string>();
      const source = await readApisixSource(options, self, cli, warned);
      await watchGateway(
        { files: source.files, intervalMs },
        {
          clock: systemClock,
          terminal: cli.terminal,
          json: globalsOf(self).json,
          sync: () => syncOnce(options, self, cli, warned),
        },
      );
    });
  withExamples(
    command,
    'APISIX_ADMIN_KEY=… credentialflow apisix sync -f resources.yaml --admin http://127.0.0.1:9180',
    'credentialflow apisix sync --admin-key-file /run/secrets/apisix --admin https://apisix.internal:9180 --yes --watch',
    'credentialflow apisix sync -f resources.yaml --file conf/apisix.yaml --dry-run',
  );
}

/** `warned`: one pass of many, which says nothing twice, and nothing where there was nothing to do. */
async function syncOnce(options: ApisixSyncOptions, self: Command, cli: Cli, warned?: Set<string>): Promise<void> {
  const { terminal } = cli;
  const source = await readApisixSource(options, self, cli, warned);
  await withTarget({ ...options, minimumVersion: source.minimumVersion }, cli, async (target) => {
    const report = await syncGateway(source, target, {
      refuse: (configuration) => lintRendered(configuration, source),
      confirm: async (plan) => {
        for (const warning of plan.warnings) terminal.err(`${terminal.paint('yellow', 'warning:')} ${warning}\n`);
        if (options.dryRun === true) return false;
        if (options.yes === true) return true;
        terminal.err(`${describePlan(plan, terminal)}\n`);
        return confirm(`Do this at ${target.name}?`, terminal);
      },
    });
    if (warned !== undefined && report.plan.steps.length === 0) return;
    const { plan, applied } = report;
    cli.print(self, { gateway: target.name, ...planAsJson(plan), applied }, () => describe(report, target.name, cli));
  });
}

function describe({ plan, applied }: SyncReport, name: string, cli: Cli): string {
  const what = describePlan(plan, cli.terminal);
  if (plan.steps.length === 0) return `${name} is in step. ${what}`;
  return applied ? `${what}\nDone: ${name} is in step.` : `${what}\nNothing was changed.`;
}
