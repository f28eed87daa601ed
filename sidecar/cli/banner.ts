import { dirname } from 'node:path';
import type { Running } from '../compose.ts';
import { readVersion } from '../compose/package-files.ts';
import { commandName } from './command-name.ts';
import type { Terminal } from './terminal.ts';

/** What somebody who just started the sidecar wants to know: where it listens, where the keys are, what to type next. */
export function formatBanner(running: Running, resourceFiles: readonly string[], terminal: Terminal): string {
  const { addresses, keysCreated, keyPaths } = running;
  const url = (address: string, path: string): string =>
    address.startsWith('unix:')
      ? `${address} ${path}`
      : `${address.startsWith('https:') ? '' : 'http://'}${address}${path}`;
  const made = keysCreated.length === 0 ? '' : ` (made just now: ${keysCreated.join(', ')})`;
  const command = commandName(terminal);
  const [next, why] = nextStep(keysCreated.length > 0, resourceFiles.length > 0);
  const name = (text: string): string => terminal.paint('dim', text.padEnd(9));
  return [
    terminal.paint('bold', `CredentialFlow ${readVersion()} is ready`),
    `  ${name('decisions')} ${url(addresses.data, '/api/auth')}`,
    `  ${name('admin')} ${url(addresses.admin, '/api/v1')}`,
    `  ${name('metrics')} ${url(addresses.metrics, '/metrics')}`,
    `  ${name('keys')} ${dirname(keyPaths.master)}${made}`,
    `  ${name('next')} ${terminal.paint('green', `${command} ${next}`)}   # ${why}; ${command} --help for the rest`,
    '',
  ].join('\n');
}

function nextStep(isFirstStart: boolean, hasFiles: boolean): readonly [string, string] {
  if (!isFirstStart) return ['status', 'what it serves'];
  return hasFiles ? ['gateway env', 'what APISIX needs'] : ['init', 'writes what it is to serve; edit it, start again'];
}
