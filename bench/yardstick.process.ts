/** The yardstick: a bare node:http server that answers, to every request, the bytes it was given. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Flat list name, value, … */
  readonly headers: readonly string[];
  readonly body: string;
}

process.on('message', (answer: Answer) => {
  const headers = [...answer.headers];
  const server = createServer({ keepAliveTimeout: 75_000 }, (_request, response) => {
    response.writeHead(answer.status, headers);
    response.end(answer.body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});
process.on('disconnect', () => process.exit(0));
