import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { TlsFiles } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { MakeServer } from './hardened-server.ts';

export interface TlsOptions {
  /** How the log calls it. */
  readonly listener: string;
  readonly files: TlsFiles;
}

export interface TlsDeps {
  readonly clock: Clock;
  readonly log: Log;
}

const handshakeTimeoutMs = 10_000;
/** How often the files are looked at. */
const pollMs = 30_000;

/**
 * Makes a server that speaks TLS 1.2 or newer and, with `clientCa`, refuses clients without a certificate of those
 * authorities. As long as it listens it follows its files. Throws `config_invalid` where they are wrong.
 */
export function makeTlsServer(options: TlsOptions, deps: TlsDeps): MakeServer {
  const identity = readIdentity(options.files);
  const wantsCertificate = options.files.clientCa !== undefined;
  return (httpOptions) => {
    const server = createServer({
      ...httpOptions,
      ...identity,
      requestCert: wantsCertificate,
      rejectUnauthorized: wantsCertificate,
      handshakeTimeout: handshakeTimeoutMs,
    });
    server.once('listening', () => {
      const stop = followFiles(options, identity, (renewed) => server.setSecureContext(renewed), deps);
      server.once('close', stop);
    });
    return server;
  };
}

interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly minVersion: 'TLSv1.2';
}

/** New connections get what is renewed; files that are wrong, or half written, leave the one before in place. */
function followFiles(
  { listener, files }: TlsOptions,
  first: Identity,
  renew: (identity: Identity) => void,
  { clock, log }: TlsDeps,
): () => void {
  let present = first;
  let fault = '';
  return clock.every(pollMs, () => {
    try {
      const identity = readIdentity(files);
      fault = '';
      if (isDeepStrictEqual(identity, present)) return;
      renew(identity);
      present = identity;
      log.info('certificate_renewed', { listener });
    } catch (error) {
      const reason = error instanceof CredentialFlowError ? error.message : 'unknown';
      if (reason === fault) return;
      fault = reason;
      log.error('certificate_not_renewed', { listener, reason, effect: 'the one before stays' });
    }
  });
}

/** Throws `config_invalid` that names the file, or both where they do not fit. */
function readIdentity({ cert, key, clientCa }: TlsFiles): Identity {
  const identity: Identity = {
    cert: readPem(cert),
    key: readPem(key),
    ...(clientCa !== undefined && { ca: readPem(clientCa) }),
    minVersion: 'TLSv1.2',
  };
  try {
    createSecureContext(identity);
  } catch (error) {
    // OpenSSL's own words may quote what it read.
    throw invalid(`${cert} and ${key} are no certificate and its key, in PEM`, error);
  }
  return identity;
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
