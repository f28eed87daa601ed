import type { Command } from 'commander';
import { relative, resolve } from 'node:path';
import { CredentialFlowError } from '../core/error.ts';
import { Secret } from '../core/secret.ts';
import { GatewayRefusal } from '../gateway/sync/gateway-admin.ts';
import type { SyncTarget } from '../gateway/sync/target.ts';
import type { Cli } from './cli.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { readFile } from './read-file.ts';

/** What says which gateway is meant; the same for diff and sync. */
export interface TargetOptions {
  readonly admin?: string;
  readonly adminKeyFile?: string;
  readonly file?: string;
}

export function addTargetOptions(command: Command): Command {
  return command
    .option('--admin <url>', 'Admin API of the gateway (default: APISIX_ADMIN_URL), e.g. http://127.0.0.1:9180')
    .option(
      '--admin-key-file <file>',
      'file with its key (default: APISIX_ADMIN_KEY, or the file of APISIX_ADMIN_KEY_FILE), e.g. /run/secrets/apisix',
    )
    .option('--file <file>', 'the file of a standalone gateway in place of an Admin API, e.g. conf/apisix.yaml');
}

/** Calls `use` with the gateway, and says in words of the operator why it could not be asked. */
export async function withTarget<T>(
  options: TargetOptions & { readonly minimumVersion: string },
  cli: Cli,
  use: (target: SyncTarget) => Promise<T>,
): Promise<T> {
  const { terminal } = cli;
  if (options.file !== undefined) {
    if (options.admin !== undefined) throw usageFailure('--admin and --file are two gateways', 'name one of them');
    const { createFileTarget } = await import('../gateway/sync/file-target.ts');
    const { namespace, ingressClass, gatewayName } = { namespace: undefined, ingressClass: '', gatewayName: '' };
    const format = { minimumVersion: options.minimumVersion, namespace, ingressClass, gatewayName };
    const path = resolve(terminal.cwd, options.file);
    return inWords(options.file, () => use(createFileTarget({ name: relative(terminal.cwd, path), path, format })));
  }
  const url = readAdminUrl(options.admin ?? terminal.env['APISIX_ADMIN_URL']);
  const key = readAdminKey(options.adminKeyFile, terminal);
  warnAboutClearText(url, terminal);
  const { createHttpClient } = await import('../ops/http-client.ts');
  const { createGatewayAdmin } = await import('../gateway/sync/gateway-admin.ts');
  const { createAdminTarget } = await import('../gateway/sync/admin-target.ts');
  const http = createHttpClient();
  try {
    const admin = createGatewayAdmin({ url, key }, { http });
    return await inWords(url, () => use(createAdminTarget({ name: url }, { admin })));
  } finally {
    await http.close();
  }
}

function readAdminUrl(text: string | undefined): string {
  if (text === undefined || text === '') {
    throw usageFailure('which gateway?', 'name it with --admin (or APISIX_ADMIN_URL), or a file with --file');
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const path = url?.pathname.replace(/\/+$/, '') ?? '';
  const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && (path === '' || path === '/apisix/admin');
  if (isOrigin && url.username === '' && url.password === '' && url.search === '') return url.origin;
  throw usageFailure('the address of the Admin API must be its origin', 'such as http://127.0.0.1:9180');
}

export function readAdminKey(file: string | undefined, { env, cwd }: Terminal): Secret {
  const value = env['APISIX_ADMIN_KEY'] ?? '';
  const name = file ?? (value === '' ? env['APISIX_ADMIN_KEY_FILE'] : undefined);
  const key = name === undefined || name === '' ? value : readKeyFile(resolve(cwd, name));
  if (key === '')
    throw usageFailure('the key of the Admin API is missing', 'set APISIX_ADMIN_KEY or APISIX_ADMIN_KEY_FILE');
  // What no header can carry would end up in an error message of the client.
  if (!/^[\x21-\x7e]+$/.test(key))
    throw usageFailure('the key of the Admin API holds characters that no header can carry');
  return new Secret(key);
}

function readKeyFile(path: string): string {
  return readFile(path, path, 'it must hold the key of the Admin API and nothing else').trim();
}

export function warnAboutClearText(address: string, terminal: Terminal): void {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:' || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) return;
  terminal.err(`${terminal.paint('yellow', 'warning:')} the key of the Admin API travels to ${hostname} in clear\n`);
}

async function inWords<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GatewayRefusal) {
      throw new CliFailure(exitCodes.failed, `the gateway at ${name} refused: ${error.message}`, {
        code: 'gateway_refused',
        fix:
          error.status === 401
            ? 'compare APISIX_ADMIN_KEY with deployment.admin of its config.yaml'
            : 'its error.log may say more',
        cause: error,
      });
    }
    if (error instanceof CredentialFlowError && error.code === 'internal') {
      throw new CliFailure(exitCodes.unreachable, `the gateway cannot be reached: ${error.message}`, {
        code: 'unreachable',
        fix: 'start it, or correct --admin (APISIX_ADMIN_URL)',
        cause: error,
      });
    }
    if (
      error instanceof Error &&
      'code' in error &&
      !(error instanceof CredentialFlowError) &&
      !(error instanceof CliFailure)
    ) {
      throw new CliFailure(exitCodes.failed, `${name} cannot be read or written`, { cause: error });
    }
    throw error;
  }
}
