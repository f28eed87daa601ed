import type { Local } from './local.ts';
import { readFile } from './read-file.ts';

/** What the command line shows to a listener that wants a certificate; empty where none is configured. */
export function clientCertificate({ client }: Pick<Local, 'client'>): {
  readonly cert?: string;
  readonly key?: string;
} {
  if (client === undefined) return {};
  return { cert: readFile(client.cert), key: readFile(client.key) };
}
