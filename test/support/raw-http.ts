import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Lower-case names; of a repeated header the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One reused connection on which raw bytes are sent and answers are read back one by one. */
export interface RawClient {
  /** The answer, or `closed` when the server ended the connection instead. Rejects when neither comes in time. */
  ask(
    bytes: Buffer,
    options?: { /** Send FIN after the bytes. */ readonly halfClose?: boolean },
  ): Promise<RawAnswer | 'closed'>;
  readonly usable: () => boolean;
  destroy(): void;
}

const patienceMs = 5_000;

export async function connectRawHttp(port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  return createRawClient(socket);
}

function createRawClient(socket: Socket): RawClient {
  let received = '';
  let ended = false;
  let wake: () => void = () => undefined;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    wake();
  });
  const end = (): void => {
    ended = true;
    wake();
  };
  for (const event of ['end', 'close', 'error']) socket.on(event, end);

  return {
    usable: () => !ended && !socket.destroyed,
    destroy: () => void socket.destroy(),
    ask: (bytes, options = {}) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`no answer within ${String(patienceMs)} ms; received ${JSON.stringify(received)}`));
        }, patienceMs);
        wake = () => {
          const answer = takeAnswer();
          if (answer === undefined && !ended) return;
          clearTimeout(timer);
          wake = () => undefined;
          resolve(answer ?? 'closed');
        };
        if (options.halfClose === true) socket.end(bytes);
        else socket.write(bytes);
        if (ended) wake();
      }),
  };

  function takeAnswer(): RawAnswer | undefined {
    const headEnd = received.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [statusLine = '', ...lines] = received.slice(0, headEnd).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const bodyEnd = headEnd + 4 + Number(headers['content-length'] ?? 0);
    if (received.length < bodyEnd) return undefined;
    const body = received.slice(headEnd + 4, bodyEnd);
    received = received.slice(bodyEnd);
    return { status: Number(statusLine.split(' ')[1]), headers, body };
  }
}
