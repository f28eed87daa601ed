import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { answerPage } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { createHeaderList } from './header-list.ts';

export interface Proxy {
  /** Streams the request to `origin` and the answer back; resolves when the answer is through or the client is gone. */
  pass(exchange: Exchange, origin: URL, extraHeaders: readonly string[]): Promise<void>;
  close(): void;
}

// nginx sets or clears these itself.
const notPassedUp = ['host', 'connection', 'keep-alive', 'te', 'transfer-encoding', 'expect', 'upgrade'];
const notPassedDown = ['connection', 'keep-alive', 'transfer-encoding', 'server'];

export function createProxy(): Proxy {
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true });
  return {
    pass: (exchange, origin, extraHeaders) =>
      new Promise((resolve) => {
        const secure = origin.protocol === 'https:';
        const options: RequestOptions = {
          agent: secure ? https : http,
          method: exchange.request.method,
          // Without a rewrite the upstream gets the client's path untouched, byte for byte.
          path: exchange.sentUri ?? (exchange.upstreamUri === '' ? exchange.target.raw : exchange.upstreamUri),
          headers: [...headersUp(exchange, origin)],
          timeout: (exchange.route.upstream.timeout?.read ?? 60) * 1_000,
        };
        const startedAtMs = performance.now();
        const outgoing = (secure ? httpsRequest : httpRequest)(origin, options, (incoming) => {
          passDown(exchange, incoming, origin, startedAtMs, extraHeaders);
        });
        outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
        outgoing.on('error', () => answerPage(exchange.response, 502, extraHeaders));
        exchange.response.on('close', () => {
          if (!exchange.response.writableFinished) outgoing.destroy();
          resolve();
        });
        if (exchange.body === undefined) exchange.request.pipe(outgoing);
        else outgoing.end(exchange.body);
      }),
    close() {
      http.destroy();
      https.destroy();
    },
  };
}

function headersUp({ route, headers, host, remoteAddress }: Exchange, origin: URL): string[] {
  const passed = createHeaderList(headers.all.flat());
  for (const name of notPassedUp) passed.remove(name);
  const chunked = headers.first('transfer-encoding') !== undefined;
  const before = headers.first('x-forwarded-for');
  passed.set('Host', route.upstream.pass_host === 'node' ? origin.host : (headers.first('host') ?? host));
  passed.set('X-Real-IP', remoteAddress);
  passed.set('X-Forwarded-For', before === undefined ? remoteAddress : `${before}, ${remoteAddress}`);
  passed.set('X-Forwarded-Proto', 'http');
  passed.set('X-Forwarded-Host', host);
  return [...passed.all.flat(), ...(chunked ? ['Transfer-Encoding', 'chunked'] : [])];
}

function passDown(
  exchange: Exchange,
  incoming: IncomingMessage,
  origin: URL,
  startedAtMs: number,
  extraHeaders: readonly string[],
): void {
  const { response } = exchange;
  const headers = createHeaderList(incoming.rawHeaders);
  const status = incoming.statusCode ?? 502;
  const elapsed = (): number => performance.now() - startedAtMs;
  exchange.upstream = { address: origin.host, status, headers, headerTimeMs: elapsed(), responseTimeMs: elapsed() };
  const passed = createHeaderList(incoming.rawHeaders);
  for (const name of notPassedDown) passed.remove(name);
  for (let i = 0; i < extraHeaders.length; i += 2) passed.remove(extraHeaders[i] ?? '');
  const flat = ['server', 'APISIX/3.18.0', ...passed.all.flat(), ...extraHeaders];
  response.sendDate = false;
  response.writeHead(status, incoming.statusMessage ?? '', flat);
  response.flushHeaders();
  incoming.on('end', () => {
    if (exchange.upstream !== undefined) exchange.upstream.responseTimeMs = elapsed();
  });
  // An upstream that breaks off in the middle of a body breaks the client's body off, too.
  incoming.on('error', () => response.destroy());
  incoming.pipe(response);
}
