import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';
import { CredentialFlowError } from '../../core/error.ts';
import { faultName } from '../fault-name.ts';
import type { PostgresAddress } from './url.ts';

/** How `sslmode` is kept, as libpq defines the words. Reads the PEM files; throws `config_invalid` for one that is not there. */
export function readTlsOptions(address: PostgresAddress): ClientConfig['ssl'] {
  const { sslMode } = address;
  if (sslMode === 'disable') return false;
  const read = (path: string | undefined, option: string): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new CredentialFlowError('config_invalid', `store: ${option} ${path} cannot be read (${faultName(error)})`);
    }
  };
  const ca = read(address.sslRootCert, 'sslrootcert');
  const cert = read(address.sslCert, 'sslcert');
  const key = read(address.sslKey, 'sslkey');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert, key }),
    rejectUnauthorized: sslMode !== 'require',
    // The chain is enough for verify-ca, whatever name the certificate bears.
    ...(sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
