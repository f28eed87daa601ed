import { CredentialFlowError } from '../core/error.ts';
import type { Problem } from '../core/error.ts';
import type { Secret } from '../core/secret.ts';
import type { HttpAnswer, HttpRequest } from '../ops/http-client.ts';
import { clientCertificate } from './client-certificate.ts';
import { endpointOf, parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { exitCodes } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { loadLocal } from './local.ts';
import type { Local } from './local.ts';
import type { Terminal } from './terminal.ts';

export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api/v1`; its parts are encoded already ({@link pathOf}). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** The admin API of the sidecar that this machine administers. */
export interface AdminApi {
  /** The body of a 2xx answer; throws a CliFailure for every other one. */
  call(request: AdminRequest): Promise<unknown>;
  /** The text of a 2xx answer. */
  text(request: AdminRequest): Promise<string>;
  /** The bytes of a 2xx answer, as they come; throws a CliFailure where they break off. */
  stream(request: AdminRequest): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** `['tokens', 'tok_1', 'revoke']` → `/tokens/tok_1/revoke`. */
export function pathOf(...parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}

export async function connectAdmin(globals: GlobalOptions, terminal: Terminal): Promise<AdminApi> {
  const local = await loadLocal(globals, terminal);
  const endpoint = endpointOfAdmin(globals, local);
  warnAboutClearText(endpoint, terminal);
  const key = await findAdminKey(local);
  const { createHttpClient } = await import('../ops/http-client.ts');
  const { socketPath } = endpoint;
  const maxBodyBytes = 1_073_741_824;
  const http = createHttpClient({
    maxBodyBytes,
    ...clientCertificate(local),
    ...(socketPath === undefined ? {} : { socketPath }),
  });
  const send = async (request: AdminRequest): Promise<HttpAnswer> => {
    const answer = await reach(endpoint, () => http.request(toHttp(endpoint, key, request)));
    if (answer.status < 200 || answer.status > 299) throw refusalOf(answer, endpoint);
    return answer;
  };
  return {
    call: async (request) => (await send(request)).json,
    text: async (request) => (await send(request)).text,
    async *stream(request) {
      const answer = await reach(endpoint, () => http.stream(toHttp(endpoint, key, request)));
      if (answer.status < 200 || answer.status > 299) throw refusalOf(await answer.answer(), endpoint);
      try {
        yield* answer.body;
      } catch (error) {
        throw new CliFailure(exitCodes.failed, 'the answer of the sidecar broke off', {
          code: 'broken_off',
          fix: 'its log says why; try again',
          cause: error,
        });
      }
    },
    close: () => http.close(),
  };
}

/** The option, the environment or configuration, the sidecar that runs here, else the configured listener. */
function endpointOfAdmin(globals: GlobalOptions, local: Local): Endpoint {
  const named = globals.adminUrl ?? local.adminUrl ?? local.running.admin;
  if (named !== undefined) return parseEndpoint(named);
  return endpointOf(local.config.listen, 'admin');
}

async function findAdminKey(local: Local): Promise<Secret> {
  const configured = local.config.keys.admin;
  if (configured !== undefined) return configured;
  const { keyPaths, readKeyFile } = await import('../keys/key-files.ts');
  const path = keyPaths(local.config.dataDir).admin;
  const key = readKeyFile(path);
  if (key !== undefined) return key;
  throw new CliFailure(exitCodes.failed, `there is no admin key: neither CREDENTIALFLOW_ADMIN_KEY nor ${path}`, {
    code: 'keys_missing',
    fix: 'start the sidecar once (`credentialflow serve`), or set CREDENTIALFLOW_DATA_DIR or CREDENTIALFLOW_ADMIN_KEY_FILE',
  });
}

function warnAboutClearText({ baseUrl, socketPath }: Endpoint, terminal: Terminal): void {
  const { protocol, hostname } = new URL(baseUrl);
  const isLocal = socketPath !== undefined || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
  if (protocol === 'https:' || isLocal) return;
  terminal.err(`${terminal.paint('yellow', 'warning:')} the admin key travels to ${hostname} in clear: use https\n`);
}

function toHttp(endpoint: Endpoint, key: Secret, request: AdminRequest): HttpRequest {
  const { method, path, query = {}, json, body, headers, timeoutMs } = request;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return {
    method,
    url: `${endpoint.baseUrl}/api/v1${path}${search.size === 0 ? '' : `?${search.toString()}`}`,
    headers: { authorization: `Bearer ${key.reveal()}`, accept: 'application/json', ...headers },
    ...(json === undefined ? {} : { json }),
    ...(body === undefined ? {} : { body }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

async function reach<T>(endpoint: Endpoint, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw unreachable(endpoint, error);
  }
}

export function unreachable(endpoint: Endpoint, error: unknown): CliFailure {
  const where = endpoint.socketPath === undefined ? endpoint.baseUrl : `unix:${endpoint.socketPath}`;
  const why = error instanceof CredentialFlowError ? error.message : `no answer from ${where}`;
  return new CliFailure(exitCodes.unreachable, `the sidecar cannot be reached: ${why}`, {
    code: 'unreachable',
    fix: 'start it (`credentialflow serve`), or say where it is (--admin-url, CREDENTIALFLOW_ADMIN_URL)',
    cause: error,
  });
}

function refusalOf(answer: HttpAnswer, endpoint: Endpoint): CliFailure {
  const problem = answer.json as
    | {
        readonly code?: unknown;
        readonly title?: unknown;
        readonly detail?: unknown;
        readonly fix?: unknown;
        readonly errors?: readonly Problem[];
      }
    | undefined;
  // What is not there in an admin API is named in `detail`; without one, the path itself is unknown.
  const isElsewhere = problem?.code === 'not_found' && problem.detail === undefined;
  if (typeof problem?.code !== 'string' || isElsewhere) {
    return new CliFailure(exitCodes.failed, `${endpoint.baseUrl} answered ${answer.status}, not as an admin API does`, {
      code: 'not_an_admin_api',
      fix: 'compare --admin-url (CREDENTIALFLOW_ADMIN_URL) with the banner of `credentialflow serve`',
    });
  }
  const { code, title, detail, fix, errors = [] } = problem;
  const message = [detail, title].find((text) => typeof text === 'string') ?? code;
  return new CliFailure(exitCodeOf(answer.status), message, {
    code,
    problems: errors,
    ...(typeof fix === 'string' ? { fix } : {}),
  });
}

function exitCodeOf(status: number): ExitCode {
  if (status === 422) return exitCodes.invalid;
  return status === 400 ? exitCodes.usage : exitCodes.failed;
}
