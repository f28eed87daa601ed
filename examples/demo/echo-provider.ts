import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mask } from '../../test/gateway/stand-in/recording.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface EchoProvider {
  readonly url: string;
  readonly received: readonly Received[];
  stop(): Promise<void>;
}

const secretHeaders = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'];

/** Speaks enough of OpenAI's API for its SDK, takes only its own secret, and tells what reached it (secrets masked). */
export async function startEchoProvider(secret: string): Promise<EchoProvider> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    request.resume();
    received.push({ method, path, headers });
    const known = headers.authorization === `Bearer ${secret}`;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(known ? completion({ method, path, headers }) : unknownKey, undefined, 2)}\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const unknownKey = { error: { message: 'Incorrect API key provided', type: 'invalid_request_error', param: null } };

function completion({ method, path, headers }: Received): object {
  const seen = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, secretHeaders.includes(name) ? mask(String(value)) : value]),
  );
  const content = `${method} ${path} reached me with ${mask(headers.authorization ?? '')}`;
  return {
    id: 'chatcmpl-demo',
    object: 'chat.completion',
    created: 0,
    model: 'demo',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    received: { method, path, headers: seen },
  };
}
