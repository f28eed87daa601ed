import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CredentialFlowError } from '../core/error.ts';

export interface RecordedRequest {
  /** Number of the connection that it came on, from 1. */
  readonly connection: number;
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** In the order and spelling in which they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface RecordedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RecordingServer {
  readonly port: number;
  /** Oldest first. */
  readonly received: readonly RecordedRequest[];
  stop(): Promise<void>;
}

const maxBodyBytes = 4_194_304;
const maxRequests = 2_000;
/** Over the gateway's own 60 s, so that it is never this server that ends a connection. */
const keepAliveMs = 65_000;

/** Keeps what it receives, in memory, and answers as told. Rejects with `config_invalid` where it cannot listen. */
export async function startRecordingServer(
  options: { readonly host: string; readonly port: number },
  answer: (request: RecordedRequest) => RecordedAnswer,
): Promise<RecordingServer> {
  const received: RecordedRequest[] = [];
  const connections = new WeakMap<object, number>();
  let connectionCount = 0;
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (incoming, response) => {
    read(incoming, connections.get(incoming.socket) ?? 0).then(
      (request) => {
        if (request === undefined || received.length >= maxRequests) {
          send(response, { status: 413, headers: { connection: 'close' } });
          return;
        }
        received.push(request);
        send(response, answer(request));
      },
      () => response.destroy(),
    );
  });
  server.on('connection', (socket) => connections.set(socket, ++connectionCount));
  await listen(server, options);
  server.on('error', () => undefined);
  return {
    port: (server.address() as AddressInfo).port,
    received,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listen(
  server: ReturnType<typeof createServer>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
    throw new CredentialFlowError('config_invalid', `cannot listen on ${host}:${port}: ${code}`);
  }
}

/** Undefined: too long. */
async function read(incoming: IncomingMessage, connection: number): Promise<RecordedRequest | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  const { method = '', url = '', rawHeaders } = incoming;
  const headers: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  return { connection, method, target: url, headers, body: Buffer.concat(chunks).toString('utf8') };
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: RecordedAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
