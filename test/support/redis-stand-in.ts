/** What greets like a Redis and says of itself what it is told to: for versions that nobody has at hand. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

export interface RedisStandIn {
  readonly url: string;
  stop(): void;
}

/** Answers PING, SUBSCRIBE and INFO; `info`: lines of the reply to INFO, each with its line end. */
export async function startRedisStandIn(info: string): Promise<RedisStandIn> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const asked = chunk.toString('latin1').toLowerCase();
      const [, channel] = /subscribe\r\n\$\d+\r\n(\S+)\r\n/.exec(asked) ?? [];
      if (asked.includes('ping')) socket.write('+PONG\r\n');
      if (asked.includes('info')) socket.write(`$${String(Buffer.byteLength(info))}\r\n${info}\r\n`);
      if (channel !== undefined)
        socket.write(`*3\r\n$9\r\nsubscribe\r\n$${String(channel.length)}\r\n${channel}\r\n:1\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    stop: () => void server.close(),
  };
}
