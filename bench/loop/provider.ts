/** A provider with two keys, one of which can be made to fail the way providers do. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Fault {
  readonly name: string;
  /** The route, the upstream and its preset. */
  readonly api: 'openai' | 'gemini';
  readonly status: number;
  readonly body: unknown;
  /** Whether a list of models is refused, too: an account without credit still sees it. */
  readonly isShownByProbe: boolean;
}

const errorInfo = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' };

export const faults: readonly Fault[] = [
  {
    name: 'openai 401',
    api: 'openai',
    status: 401,
    body: { error: { message: 'Incorrect API key provided', type: 'invalid_request_error', code: 'invalid_api_key' } },
    isShownByProbe: true,
  },
  {
    name: 'gemini 400 API_KEY_INVALID',
    api: 'gemini',
    status: 400,
    body: { error: { code: 400, message: 'API key not valid.', status: 'INVALID_ARGUMENT', details: [errorInfo] } },
    isShownByProbe: true,
  },
  {
    name: 'openai 429 insufficient_quota',
    api: 'openai',
    status: 429,
    body: {
      error: { message: 'You exceeded your current quota', type: 'insufficient_quota', code: 'insufficient_quota' },
    },
    isShownByProbe: false,
  },
];

export const keys = ['provider-key-one', 'provider-key-two'] as const;

export interface LoopProvider {
  readonly url: string;
  /** From now on the first key fails like this; undefined: it works. */
  fail(fault: Fault | undefined): void;
  /** Requests that the first key was served since it was asked last. */
  servedByFirst(): number;
  stop(): Promise<void>;
}

export async function startLoopProvider(): Promise<LoopProvider> {
  let failing: Fault | undefined;
  let served = 0;
  // The gateway keeps connections for as long as that: one that closes under a request would look like a failure.
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume();
    const key = request.headers['x-goog-api-key'] ?? request.headers.authorization?.slice('Bearer '.length);
    const isProbe = request.method === 'GET';
    if (key === keys[0] && failing !== undefined && (!isProbe || failing.isShownByProbe)) {
      send(response, failing.status, failing.body);
      return;
    }
    if (key === keys[0] && !isProbe) served += 1;
    send(response, 200, { ok: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    fail(fault) {
      failing = fault;
    },
    servedByFirst() {
      const count = served;
      served = 0;
      return count;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
