import type { Secret } from '../core/secret.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { Local } from './local.ts';

/** The configured key, else the file of the data directory. */
export async function findKey(name: 'gateway' | 'log', local: Local): Promise<Secret> {
  const { keyPaths, readKeyFile } = await import('../keys/key-files.ts');
  const path = keyPaths(local.config.dataDir)[name];
  const key = local.config.keys[name] ?? readKeyFile(path);
  if (key !== undefined) return key;
  const variable = `CREDENTIALFLOW_${name.toUpperCase()}_KEY`;
  throw new CliFailure(exitCodes.failed, `there is no ${name} key: neither ${variable} nor ${path}`, {
    code: 'keys_missing',
    fix: 'start the sidecar once (`credentialflow serve`), or set CREDENTIALFLOW_DATA_DIR',
  });
}
