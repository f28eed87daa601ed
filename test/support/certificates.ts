/** Certificates for a test: an authority, a server for `redis.test` and 127.0.0.1, a client, and a stranger's authority. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificates {
  readonly path: (name: string) => string;
  /** Makes another key and certificate for the server, over the old ones. */
  renewServer(): void;
  /** Signs another certificate for the client, over the old one. */
  renewClient(): void;
  remove(): void;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'cf-certificates-'));
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = (name: string): void =>
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  function sign(name: string, subject: string, by: string): void {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`);
    writeFileSync(path('names'), `subjectAltName=DNS:redis.test,IP:127.0.0.1\n`);
    const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-out', `${name}.pem`, '-days', '2', '-extfile', 'names');
  }
  authority('ca');
  authority('stranger');
  sign('server', 'redis.test', 'ca');
  sign('client', 'client', 'stranger');
  return {
    path,
    renewServer: () => sign('server', 'redis.test', 'ca'),
    renewClient: () => sign('client', 'client', 'ca'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
