import { Agent, request } from 'undici';
import { CredentialFlowError } from '../core/error.ts';

export interface HttpClientOptions {
  /** Whole exchange, milliseconds; default 10,000. */
  readonly timeoutMs?: number;
  /** Longest body that is read; default 16 MiB. */
  readonly maxBodyBytes?: number;
  /** Connects to this unix socket whatever the URL's host says. */
  readonly socketPath?: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; `json` wins. */
  readonly body?: string;
  /** Milliseconds; default: the client's. */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; of a repeated header the values joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Parsed where the content type says JSON and the text is; else undefined. */
  readonly json: unknown;
}

export interface HttpClient {
  /** Rejects with `internal` and the reason where no whole answer came in time; a status is never a rejection. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** The only door to undici. Redirects are not followed: a key would travel along. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { timeoutMs = 10_000, maxBodyBytes = 16_777_216, socketPath } = options;
  const agent = new Agent({
    connect: { timeout: timeoutMs, ...(socketPath !== undefined && { socketPath }) },
    maxResponseSize: maxBodyBytes,
    keepAliveTimeout: 1_000,
  });

  async function send(wanted: HttpRequest): Promise<HttpAnswer> {
    const { statusCode, headers, body } = await request(wanted.url, {
      dispatcher: agent,
      method: wanted.method,
      headers: { ...(wanted.json !== undefined && { 'content-type': 'application/json' }), ...wanted.headers },
      body: wanted.json === undefined ? (wanted.body ?? null) : JSON.stringify(wanted.json),
      signal: AbortSignal.timeout(wanted.timeoutMs ?? timeoutMs),
    });
    const text = await body.text();
    const flat = flatten(headers);
    return { status: statusCode, headers: flat, text, json: parse(flat['content-type'], text) };
  }

  return {
    async request(wanted) {
      try {
        return await send(wanted);
      } catch (error) {
        throw new CredentialFlowError('internal', `no answer from ${originOf(wanted.url)}: ${reasonOf(error)}`);
      }
    },
    close: () => agent.close(),
  };
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
}

function parse(contentType: string | undefined, text: string): unknown {
  if (contentType === undefined || !/[/+]json\b/.test(contentType)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Without path and query, where a secret could be. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'an invalid URL';
}

/** The code only: a message may quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'time-out';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
