import type { Command } from 'commander';
import { createReadStream, existsSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { AdminApi } from './admin-api.ts';
import { localBackupKeys } from './backup-keys.ts';
import type { Cli } from './cli.ts';
import { describeRows } from './copy-progress.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { Local } from './local.ts';

export function addBackupCommand(program: Command, cli: Cli): void {
  const command = program
    .command('backup')
    .description('write everything in the store to one encrypted file, online, and read it back; without any key')
    .requiredOption('--to <file>', 'the file to write')
    .option('--force', 'write over a file that exists')
    .action(async ({ to, force }: { readonly to: string; readonly force?: boolean }, self: Command) => {
      const file = resolve(cli.terminal.cwd, to);
      if (existsSync(file) && force !== true) {
        throw new CliFailure(exitCodes.failed, `${file} exists already`, {
          code: 'file_exists',
          fix: 'choose another name, or write over it with --force',
        });
      }
      const local = await cli.local(self);
      const report = await cli.withAdmin(self, (api) => takeBackup(file, api, local));
      cli.print(self, report, () => {
        const { verified, key, bytes, rows } = report;
        return rows === undefined
          ? `Wrote ${file} (${bytes} bytes, key ${key}). Its checksum holds; the key to read it is not on this machine.`
          : `Wrote ${file} (${bytes} bytes, key ${key}) and verified its ${verified}: ${describeRows(rows)}.`;
      });
    });
  withExamples(
    command,
    'credentialflow backup --to credentialflow.backup',
    'credentialflow backup --to /backup/$(date +%F).backup',
  );
}

/** Under another name until it is whole and was read back: who finds the file finds a good one. */
async function takeBackup(file: string, api: AdminApi, local: Local) {
  const draft = `${file}.partial-${process.pid}`;
  try {
    const bytes = await writeDraft(draft, api);
    const verified = await verify(draft, local);
    await rename(draft, file);
    await syncDirectory(dirname(file));
    return { file, bytes, ...verified };
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

async function writeDraft(draft: string, api: AdminApi): Promise<number> {
  const handle = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    throw new CliFailure(exitCodes.failed, `${draft} cannot be written`, { cause: error });
  });
  try {
    let bytes = 0;
    for await (const chunk of api.stream({ method: 'POST', path: '/backup' })) {
      await handle.writeFile(chunk);
      bytes += chunk.length;
    }
    await handle.sync();
    return bytes;
  } finally {
    await handle.close();
  }
}

async function verify(draft: string, local: Local) {
  const { checkBackupBytes, openBackup } = await import('../stores/backup-file.ts');
  const { checkCopy } = await import('../stores/restore.ts');
  const keys = await localBackupKeys(local).catch(() => undefined);
  const { keyVersion } = await checkBackupBytes(createReadStream(draft));
  if (keys?.(keyVersion) === undefined) return { key: keyVersion, verified: 'checksum' as const, rows: undefined };
  const copy = await openBackup(createReadStream(draft), keys);
  const rows = await checkCopy(copy);
  const { storeId, epoch, revision, createdAt } = copy;
  const of = { store_id: storeId, epoch, revision, created_at: createdAt };
  return { key: keyVersion, verified: 'contents' as const, ...of, rows };
}

/** A rename is on the disk only when the directory is (fsync(2)). */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
