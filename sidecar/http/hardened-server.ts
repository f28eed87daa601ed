import type { ServerResponse } from 'node:http';
import { createServer, IncomingMessage } from 'node:http';
import type { ServerOptions as HttpServerOptions, Server } from 'node:http';
import type { Socket } from 'node:net';

export type Handle<Request extends IncomingMessage> = (req: Request, res: ServerResponse) => void;

/** A class of requests that node's server makes; see the option `IncomingMessage` of `createServer`. */
export type RequestClass<Request extends IncomingMessage> = new (
  ...args: ConstructorParameters<typeof IncomingMessage>
) => Request;

/** Over APISIX's 60 s, so that the gateway closes first and never asks on a connection that is just being closed. */
const keepAliveTimeoutMs = 75_000;
const maxHeaderBytes = 65_536;
/** More than any gateway sends (APISIX itself reads 100 of a client's; facts, 1): over it 431. */
const maxHeaders = 200;

/** How long a client may take. A connection is closed, with 408, up to `checkIntervalMs` later. */
export interface RequestTimes {
  /** For the header lines; milliseconds. */
  readonly headersTimeoutMs: number;
  /** For all of a request, its body included; milliseconds. */
  readonly requestTimeoutMs: number;
  /** How often slow requests are looked for; milliseconds. */
  readonly checkIntervalMs: number;
}

/** Makes a server that is an http server in all that this house does with it. */
export type MakeServer = (options: HttpServerOptions) => Server;

export interface ServerOptions {
  /** Default: 10 s, 30 s, looked for every 2 s. */
  readonly times?: RequestTimes;
  /** Makes the server itself. Default: plain HTTP. */
  readonly makeServer?: MakeServer | undefined;
}

const usualTimes: RequestTimes = { headersTimeoutMs: 10_000, requestTimeoutMs: 30_000, checkIntervalMs: 2_000 };

/** A node:http server whose parser, time-outs and error answers are bounded. */
export function createHardenedServer(
  handle: Handle<IncomingMessage>,
  requestClass?: RequestClass<IncomingMessage>,
  options?: ServerOptions,
): Server;
export function createHardenedServer<Request extends IncomingMessage>(
  handle: Handle<Request>,
  requestClass: RequestClass<Request>,
  options?: ServerOptions,
): Server;
export function createHardenedServer(
  handle: Handle<IncomingMessage>,
  requestClass: RequestClass<IncomingMessage> = IncomingMessage,
  { times = usualTimes, makeServer = createServer }: ServerOptions = {},
): Server {
  const server = makeServer({
    IncomingMessage: requestClass as typeof IncomingMessage,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: times.headersTimeoutMs,
    requestTimeout: times.requestTimeoutMs,
    connectionsCheckingInterval: times.checkIntervalMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // A question has no body: it needs none of the events that end one, a fifth of what a request costs.
    optimizeEmptyRequests: true,
  });
  // One more than allowed: the parser drops what is beyond, and a dropped header must not go unnoticed.
  server.maxHeadersCount = maxHeaders + 1;
  server.on('clientError', answerClientError);
  server.on('request', (req, res) => {
    if (req.rawHeaders.length > 2 * maxHeaders) refuse(res, 431);
    else handle(req, res);
  });
  return server;
}

function refuse(res: ServerResponse, status: number): void {
  res.shouldKeepAlive = false;
  res.writeHead(status, ['content-length', '0']);
  res.end();
}

/** What the parser refuses, or what came too slowly. The connection is of no use any more: nothing on it can be trusted. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  const isTls = error.code?.startsWith('ERR_SSL') === true || error.code?.startsWith('ERR_TLS') === true;
  if (error.code === 'ECONNRESET' || isTls || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${statusLineOf(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.destroySoon();
}

function statusLineOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW' || code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    return '431 Request Header Fields Too Large';
  }
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}
