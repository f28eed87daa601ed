import type { Agent } from 'undici';
import { CredentialFlowError } from '../core/error.ts';
import {
  createGuardedLookup,
  createPrivateAddressCheck,
  privateAddressCode,
  refusePrivateHost,
} from './private-addresses.ts';

export interface HttpClientOptions {
  /** Whole exchange, milliseconds; default 10,000. */
  readonly timeoutMs?: number;
  /** Longest body that is read; default 16 MiB. */
  readonly maxBodyBytes?: number;
  /** Connects to this unix socket whatever the URL's host says. */
  readonly socketPath?: string;
  /** PEM of the CAs that servers are checked with; default: the usual ones. */
  readonly ca?: string;
  /** PEM of a certificate to show where one is wanted, and of its key. */
  readonly cert?: string;
  readonly key?: string;
  /** Refuses to connect to loopback, link-local and private addresses, whatever name leads there. Default false. */
  readonly publicOnly?: boolean;
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

/** An answer whose body has not been read yet; it must be, or left by breaking out of the loop. */
export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Rejects where the body breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads the body to its end. */
  answer(): Promise<HttpAnswer>;
}

export interface HttpClient {
  /** Rejects with `internal` and the reason where no whole answer came in time; a status is never a rejection. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** The same, without a bound for the body: neither of its length nor of the whole time, only of pauses. */
  stream(request: HttpRequest): Promise<HttpStream>;
  close(): Promise<void>;
}

/** Longest pause of a streamed body. */
const pauseMs = 60_000;

/** The only door to undici. Redirects are not followed: a key would travel along. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { timeoutMs = 10_000, maxBodyBytes = 16_777_216, socketPath, ca, cert, key } = options;
  const isPrivate = options.publicOnly === true ? createPrivateAddressCheck() : undefined;
  const connect = {
    timeout: timeoutMs,
    ...(socketPath !== undefined && { socketPath }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(isPrivate !== undefined && { lookup: createGuardedLookup(isPrivate) }),
  };
  let loading: ReturnType<typeof load> | undefined;

  /** When something is asked for: many sidecars never ask, and it takes some 20 MB. */
  async function load() {
    const { Agent: createAgent, request } = await import('undici');
    return {
      request,
      bounded: new createAgent({ connect, maxResponseSize: maxBodyBytes, keepAliveTimeout: 1_000 }),
      unbounded: new createAgent({
        connect,
        bodyTimeout: pauseMs,
        headersTimeout: pauseMs,
        keepAliveTimeout: 1_000,
      }),
    };
  }

  async function open(
    wanted: HttpRequest,
    which: 'bounded' | 'unbounded',
    signal: AbortSignal | null,
  ): Promise<HttpStream> {
    const { request, ...agents } = await (loading ??= load());
    const dispatcher: Agent = agents[which];
    if (isPrivate !== undefined) refusePrivateHost(wanted.url, isPrivate);
    const { statusCode, headers, body } = await request(wanted.url, {
      dispatcher,
      method: wanted.method,
      headers: { ...(wanted.json !== undefined && { 'content-type': 'application/json' }), ...wanted.headers },
      body: wanted.json === undefined ? (wanted.body ?? null) : JSON.stringify(wanted.json),
      signal,
    });
    const flat = flatten(headers);
    return {
      status: statusCode,
      headers: flat,
      body,
      async answer() {
        const text = await body.text();
        return { status: statusCode, headers: flat, text, json: parse(flat['content-type'], text) };
      },
    };
  }

  async function attempt<T>(url: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new CredentialFlowError('internal', `no answer from ${originOf(url)}: ${reasonOf(error)}`);
    }
  }

  return {
    request: (wanted) =>
      attempt(wanted.url, async () =>
        (await open(wanted, 'bounded', AbortSignal.timeout(wanted.timeoutMs ?? timeoutMs))).answer(),
      ),
    stream: (wanted) => attempt(wanted.url, () => open(wanted, 'unbounded', null)),
    async close() {
      if (loading === undefined) return;
      const { bounded, unbounded } = await loading;
      await Promise.all([bounded.close(), unbounded.close()]);
    },
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
  if ('code' in error && error.code === privateAddressCode) return 'its address is private, link-local or loopback';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
