import { CredentialFlowError } from '../core/error.ts';
import type { StoreCopy } from '../core/ports.ts';
import { createCopyIntake } from './copy-intake.ts';
import { openStore, parseStoreUrl } from './index.ts';
import { restoreFile } from './sqlite/restore-file.ts';
import type { StoreDeps } from './store-kind.ts';
import { transfer, type RestoreOptions, type Restored, type CopyDigest } from './transfer.ts';

/**
 * Makes a copy the store behind the URL. Nothing changes unless the whole copy is sound: it is loaded, read again and
 * compared first. Rejects as `Store.load` does.
 */
export async function restore(
  url: string,
  openCopy: () => Promise<StoreCopy>,
  options: RestoreOptions,
  deps: StoreDeps,
): Promise<Restored> {
  const { kind, location } = parseStoreUrl(url);
  if (kind === 'sqlite' && location === ':memory:') {
    throw new CredentialFlowError('config_invalid', 'a store in memory is gone with its process: name one that stays');
  }
  if (kind === 'sqlite') return restoreFile(location, openCopy, options, deps);
  const store = await openStore(url, {}, deps);
  try {
    return { ...(await transfer(await openCopy(), store, { onProgress: options.onProgress })), aside: undefined };
  } catch (error) {
    if (!options.replace || !(error instanceof CredentialFlowError) || error.code !== 'store_not_empty') throw error;
    throw new CredentialFlowError(
      'store_not_empty',
      'this kind of store cannot be replaced in place: name an empty database, then change CREDENTIALFLOW_STORE to it',
    );
  } finally {
    await store.close();
  }
}

/** Reads a copy to its end, as a store would, and counts its rows. Rejects as `Store.load` does. */
export async function checkCopy(copy: StoreCopy): Promise<CopyDigest['rows']> {
  const intake = createCopyIntake(copy);
  for await (const part of copy.parts) intake.take(part);
  return intake.finish();
}
