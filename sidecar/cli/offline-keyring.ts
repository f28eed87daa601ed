import type { Keyring } from '../keys/keyring.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { Local } from './local.ts';

/** The keys that the sidecar of this configuration uses: the configured master key, else the data directory's. */
export async function openKeyring({ config }: Local): Promise<Keyring> {
  const { keyPaths, readKeyFile } = await import('../keys/key-files.ts');
  const { createKeyring } = await import('../keys/keyring.ts');
  const { decodeMasterKeys } = await import('../keys/master-keys.ts');
  const path = keyPaths(config.dataDir).master;
  const master = config.keys.master ?? readKeyFile(path);
  if (master === undefined) {
    throw new CliFailure(exitCodes.failed, `there is no master key: neither CREDENTIALFLOW_MASTER_KEY nor ${path}`, {
      code: 'keys_missing',
      fix: 'set CREDENTIALFLOW_DATA_DIR or CREDENTIALFLOW_MASTER_KEY_FILE; `token issue` needs neither',
    });
  }
  return createKeyring(decodeMasterKeys(master));
}
