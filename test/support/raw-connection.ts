import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawConnection {
  send(text: string): void;
  /** Sends FIN; still reads. */
  halfClose(): void;
  /** Everything received so far, once it matches; rejects after 5 s or when the peer closes first. */
  until(pattern: RegExp): Promise<string>;
  /** Everything received, once the peer closed the connection. */
  closed(): Promise<string>;
  /** What was received so far; false once the peer has closed. */
  readonly received: string;
  readonly open: boolean;
  destroy(): void;
}

/** A TCP (or unix) connection that writes exactly what it is told. */
export async function connectRaw(where: { readonly port: number } | { readonly path: string }): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', allowHalfOpen: true, ...where });
  let received = '';
  let open = true;
  let changed = Promise.withResolvers<undefined>();
  const change = (): void => {
    changed.resolve(undefined);
    changed = Promise.withResolvers();
  };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    change();
  });
  const over = (): void => {
    open = false;
    change();
  };
  socket.on('end', over);
  socket.on('close', over);
  socket.on('error', over);
  await once(socket, 'connect');

  async function wait(done: () => boolean, what: string): Promise<string> {
    const giveUp = setTimeout(change, 5_000);
    const deadline = performance.now() + 4_990;
    try {
      while (!done()) {
        if (performance.now() > deadline)
          throw new Error(`no ${what} within 5 s; received ${JSON.stringify(received)}`);
        await changed.promise;
      }
      return received;
    } finally {
      clearTimeout(giveUp);
    }
  }

  return {
    send: (text) => void socket.write(text, 'latin1'),
    halfClose: () => void socket.end(),
    async until(pattern) {
      await wait(() => pattern.test(received) || !open, String(pattern));
      if (!pattern.test(received))
        throw new Error(`closed before ${String(pattern)}; received ${JSON.stringify(received)}`);
      return received;
    },
    closed: () => wait(() => !open, 'close'),
    get received() {
      return received;
    },
    get open() {
      return open;
    },
    destroy: () => void socket.destroy(),
  };
}

/** Status lines of all answers in what was received. */
export function statusesOf(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}
