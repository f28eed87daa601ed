import type { Command } from 'commander';
import type { Running } from '../compose.ts';
import { formatBanner } from './banner.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { formatPlace } from './format-problem.ts';
import { watchSignals } from './watch-signals.ts';

export function addServeCommand(program: Command, cli: Cli): void {
  const command = program
    .command('serve')
    .description('start the sidecar; JSON lines on stdout, ends on SIGTERM or SIGINT after a drain')
    .action(async (_options: unknown, self: Command) => {
      const { terminal } = cli;
      const { config, warnings } = await cli.local(self);
      const { tuneCollector } = await import('../ops/collector.ts');
      tuneCollector();
      const { start } = await import('../compose.ts');
      const { createLogger } = await import('../ops/logger.ts');
      const { systemClock } = await import('../ops/clock.ts');
      const log = createLogger({ level: config.log.level }, { clock: systemClock });
      const signals = watchSignals({ clock: systemClock, log });
      for (const warning of warnings) terminal.err(`${formatPlace({ ...warning, severity: 'warning' })}\n`);
      const running: Running = await start(config, { env: terminal.env, log });
      terminal.err(formatBanner(running, config.resources.files, terminal));
      const signal = await signals.first;
      log.info('stopping', { signal });
      await running.stop();
    });
  withExamples(
    command,
    'credentialflow serve',
    'CREDENTIALFLOW_DATA_DIR=/var/lib/credentialflow credentialflow serve --config /etc/credentialflow/credentialflow.yaml',
  );
}
