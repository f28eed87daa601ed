import type { Command } from 'commander';
import { describeRows, showCopyProgress } from './copy-progress.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import { underLock } from './offline-lock.ts';
import { openOffline } from './open-offline.ts';
import { readStoreUrl } from './store-url.ts';

interface MigrateOptions {
  readonly from?: string;
  readonly to: string;
}

export function addStoreMigrateCommand(store: Command, cli: Cli): void {
  const command = store
    .command('migrate')
    .description('copy everything into an empty store, offline, and verify the copy; the source stays as it is')
    .option('--from <url>', 'the store to copy, or @FILE with its URL (default: the configured one)')
    .requiredOption('--to <url>', 'the store to fill, or @FILE with its URL; it must be empty')
    .action(async (options: MigrateOptions, self: Command) => {
      const { terminal } = cli;
      const local = await cli.local(self);
      const from =
        options.from === undefined ? local.config.store.reveal() : await readStoreUrl(options.from, terminal.cwd);
      const to = await readStoreUrl(options.to, terminal.cwd);
      const report = await underLock({ command: 'credentialflow store migrate', storeUrls: [from, to] }, local, () =>
        migrate(from, to, cli),
      );
      cli.print(self, report, () =>
        [
          `Copied ${report.from} to ${report.to} and verified it: ${describeRows(report.rows)}.`,
          `Next: set CREDENTIALFLOW_STORE to the new store (with the same master key), then start the sidecar.`,
        ].join('\n'),
      );
    });
  withExamples(
    command,
    'credentialflow store migrate --to @/run/secrets/postgres-url',
    'credentialflow store migrate --from sqlite:data/credentialflow.db --to sqlite:/srv/credentialflow/store.db',
  );
}

async function migrate(from: string, to: string, cli: Cli) {
  const { describeStoreUrl } = await import('../stores/index.ts');
  const { transfer } = await import('../stores/transfer.ts');
  const source = await openOffline(from, { mustExist: true }, cli.terminal);
  try {
    const target = await openOffline(to, { mustExist: false }, cli.terminal);
    try {
      const copy = await source.dump();
      refuseSameStore(copy.storeId, (await target.identity()).storeId);
      const { identity, rows, digest } = await transfer(copy, target, { onProgress: showCopyProgress(cli.terminal) });
      const after = await source.identity();
      if (after.revision !== copy.revision) throw movedOn();
      return {
        from: describeStoreUrl(from),
        to: describeStoreUrl(to),
        store_id: identity.storeId,
        epoch: identity.epoch,
        revision: identity.revision,
        rows,
        digest,
        verified: true,
      };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

function refuseSameStore(from: string, to: string): void {
  if (from !== to) return;
  throw new CliFailure(exitCodes.failed, '--to is the store itself, or holds a copy of it already', {
    code: 'store_not_empty',
    fix: 'name a store that was never used',
  });
}

function movedOn(): CliFailure {
  return new CliFailure(exitCodes.failed, 'the source was written to while it was copied', {
    code: 'revision_conflict',
    fix: 'stop every sidecar of the source, empty the target, and repeat',
  });
}
