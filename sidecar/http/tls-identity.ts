import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsFiles } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';

/** Who a listener is, and whose clients it takes; PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates. Undefined: clients need none. */
  readonly clientCa: string | undefined;
}

/** Throws `config_invalid` that names the file, or both where they do not fit. */
export function readTlsIdentity(files: TlsFiles): TlsIdentity {
  const identity = {
    cert: readPem(files.cert),
    key: readPem(files.key),
    clientCa: files.clientCa === undefined ? undefined : readPem(files.clientCa),
  };
  try {
    createSecureContext(secureContextOptions(identity));
  } catch (error) {
    // OpenSSL's own words may quote what it read.
    throw invalid(`${files.cert} and ${files.key} are no certificate and its key, in PEM`, error);
  }
  return identity;
}

export function secureContextOptions({ cert, key, clientCa }: TlsIdentity) {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa !== undefined && { ca: clientCa }) } as const;
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw invalid(`${file} cannot be read`, error);
  }
}

function invalid(message: string, cause: unknown): CredentialFlowError {
  return new CredentialFlowError('config_invalid', message, {
    problems: [{ severity: 'error', message, fix: 'look at the file, and at listen.*_tls_* of the configuration' }],
    cause,
  });
}
