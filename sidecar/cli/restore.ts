import type { Command } from 'commander';
import { createReadStream, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { StoreCopy } from '../core/ports.ts';
import { localBackupKeys } from './backup-keys.ts';
import type { Cli } from './cli.ts';
import { describeRows, showCopyProgress } from './copy-progress.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import { offlineDeps } from './open-offline.ts';
import { underLock } from './offline-lock.ts';

interface RestoreOptions {
  readonly replace?: boolean;
  readonly dryRun?: boolean;
}

export function addRestoreCommand(program: Command, cli: Cli): void {
  const command = program
    .command('restore')
    .description('make a backup the configured store, offline; nothing changes unless all of it is sound')
    .argument('<file>')
    .option('--replace', 'in the place of a store that is not empty; the old database is kept beside it')
    .option('--dry-run', 'only read the backup to its end')
    .action(async (name: string, { replace, dryRun }: RestoreOptions, self: Command) => {
      const file = resolve(cli.terminal.cwd, name);
      if (!existsSync(file)) throw new CliFailure(exitCodes.failed, `there is no file ${file}`, { code: 'not_found' });
      const local = await cli.local(self);
      const keys = await localBackupKeys(local);
      const { openBackup } = await import('../stores/backup-file.ts');
      const { checkCopy, restore } = await import('../stores/restore.ts');
      const { describeStoreUrl } = await import('../stores/index.ts');
      const openCopy = (): Promise<StoreCopy> => openBackup(createReadStream(file), keys);
      // Read once to its end before anything is touched.
      const copy = await openBackup(createReadStream(file), keys);
      const rows = await checkCopy(copy);
      const backup = { created_at: copy.createdAt, store_id: copy.storeId, revision: copy.revision, rows };
      const made = `the backup of ${copy.createdAt}`;
      if (dryRun === true) {
        cli.print(self, { file, ...backup }, () => `${file} is sound, ${made}: ${describeRows(rows)}.`);
        return;
      }
      const url = local.config.store.reveal();
      const { identity, aside } = await underLock(
        { command: 'credentialflow restore', storeUrls: [url] },
        local,
        async () =>
          restore(
            url,
            openCopy,
            { replace: replace === true, onProgress: showCopyProgress(cli.terminal) },
            await offlineDeps(cli.terminal),
          ),
      );
      const store = describeStoreUrl(url);
      const result = { file, ...backup, store, epoch: identity.epoch, aside: aside ?? null, verified: true };
      cli.print(self, result, () =>
        [
          `${store} is ${made} now, verified: ${describeRows(rows)}.`,
          ...(aside === undefined ? [] : [`What was there before is ${aside}.`]),
          `What was changed after ${copy.createdAt} is gone: revoke again what was revoked since.`,
        ].join('\n'),
      );
    });
  withExamples(
    command,
    'credentialflow restore credentialflow.backup',
    'credentialflow restore credentialflow.backup --replace',
    'credentialflow restore credentialflow.backup --dry-run',
  );
}
