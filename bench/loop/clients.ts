/** Clients that ask at fixed times, in turn over all workers of the gateway and all tokens. */
import { Agent, request } from 'node:http';

export interface Clients {
  readonly answers: readonly Answer[];
  stop(): Promise<void>;
}

export interface Answer {
  /** When it was sent; `performance.now()`. */
  readonly sentAt: number;
  readonly answeredAt: number;
  /** 0: none. */
  readonly status: number;
}

export function startClients(
  options: { readonly perSecond: number; readonly workers: readonly string[]; readonly path: string },
  /** Header lines of a client. */
  tokens: readonly Readonly<Record<string, string>>[],
): Clients {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const answers: Answer[] = [];
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;

  const ask = (): void => {
    const worker = options.workers[sent % options.workers.length] ?? '';
    // So that each token is seen by each worker.
    const headers = tokens[Math.floor(sent / options.workers.length) % tokens.length] ?? {};
    sent += 1;
    const sentAt = performance.now();
    const asked = new Promise<number>((resolve) => {
      const outgoing = request(
        worker + options.path,
        { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } },
        (incoming) => {
          incoming.resume();
          incoming.on('error', () => resolve(0));
          incoming.on('end', () => resolve(incoming.statusCode ?? 0));
        },
      );
      outgoing.on('error', () => resolve(0));
      outgoing.end('{}');
    }).then((status) => {
      answers.push({ sentAt, answeredAt: performance.now(), status });
      underWay.delete(asked);
    });
    underWay.add(asked);
  };
  // What a late timer missed is caught up: the rate is kept whatever the machine does.
  const timer = setInterval(() => {
    while (sent < ((performance.now() - startedAt) * options.perSecond) / 1_000) ask();
  }, 1);
  return {
    answers,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
    },
  };
}
