import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Local } from './local.ts';

/**
 * Holds the data directory, and that of every SQLite file that is named, while `work` runs: a sidecar that runs there is
 * named and nothing is done (`data_dir_locked`). Other stores have no lock that tells: their sidecars must be stopped.
 */
export async function underLock<T>(
  options: { readonly command: string; readonly storeUrls: readonly string[] },
  { config }: Local,
  work: () => Promise<T>,
): Promise<T> {
  const { lockDataDir } = await import('../stores/data-dir-lock.ts');
  const { parseStoreUrl } = await import('../stores/index.ts');
  const { systemClock: clock } = await import('../ops/clock.ts');
  const files = options.storeUrls
    .map((url) => parseStoreUrl(url))
    .filter(({ kind, location }) => kind === 'sqlite' && location !== ':memory:')
    .map(({ location }) => dirname(location));
  // A directory without a lock file was never a sidecar's; it should not look like one afterwards.
  const others = files.filter((dir) => existsSync(join(dir, 'lock.db')));
  const directories = new Set(existsSync(config.dataDir) ? [config.dataDir, ...others] : others);
  const locks: { release(): void }[] = [];
  try {
    for (const dir of directories) locks.push(lockDataDir(dir, { command: options.command }, { clock }));
    return await work();
  } finally {
    for (const lock of locks) lock.release();
  }
}
