import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { CredentialFlowError } from '../core/error.ts';

export interface VerbatimRequest {
  readonly method: string;
  /** Path and query as they go over the wire: no dot segment is resolved, nothing is escaped. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface VerbatimAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface VerbatimClient {
  /** Rejects with `internal` and the code of the fault where no whole answer came in time. */
  send(request: VerbatimRequest): Promise<VerbatimAnswer>;
  close(): void;
}

const maxBodyBytes = 1_048_576;

/** Sends what other clients would tidy up, one request at a time over one kept connection. `origin`: http or https. */
export function createVerbatimClient(options: {
  readonly origin: string;
  /** Whole exchange, milliseconds. */
  readonly timeoutMs: number;
}): VerbatimClient {
  const { protocol, hostname, port, host } = new URL(options.origin);
  const secure = protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const open = (request: VerbatimRequest): ClientRequest =>
    (secure ? httpsRequest : httpRequest)({
      agent,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      ...(port === '' ? {} : { port: Number(port) }),
      method: request.method,
      path: request.target,
      headers: ['Host', host, ...request.headers.flat()],
      signal: AbortSignal.timeout(options.timeoutMs),
    });
  return {
    async send(request) {
      try {
        return await exchange(open(request));
      } catch (error) {
        throw new CredentialFlowError('internal', `no answer from ${options.origin}: ${reasonOf(error)}`);
      }
    },
    close: () => agent.destroy(),
  };
}

function exchange(outgoing: ClientRequest): Promise<VerbatimAnswer> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      read(incoming).then(resolve, reject);
    });
    outgoing.end();
  });
}

async function read(incoming: IncomingMessage): Promise<VerbatimAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new RangeError('the answer is too long');
    chunks.push(chunk);
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return {
    status: incoming.statusCode ?? 0,
    headers: Object.fromEntries(headers) as Readonly<Record<string, string>>,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

/** The code only: a message may quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'time-out';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
