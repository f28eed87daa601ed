/** The load generator, a process of its own: raw sockets and the least possible parsing, so that it is never the slow side. */
import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { LoadRequest, LoadResult } from './messages.ts';

const statusStart = Buffer.byteLength('HTTP/1.1 ');
const endOfHead = Buffer.from('\r\n\r\n');

interface Connection {
  readonly socket: Socket;
  rest: Buffer | undefined;
}

interface Counts {
  requests: number;
  failures: number;
  readonly status: number;
}

process.on('message', (message: LoadRequest) => {
  void load(message).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));

async function load(order: LoadRequest): Promise<LoadResult> {
  goFirst(order.first === true);
  const counts: Counts = { requests: 0, failures: 0, status: order.status ?? 200 };
  const requests = createRequests(order);
  const latencies: number[] = [];
  const drive =
    order.rate === undefined ? driveClosed : driveOpen(order.rate, latencies, order.even === true ? soon : later);
  const connections = await Promise.all(
    Array.from({ length: order.connections }, async () => open(order.host, order.port)),
  );
  const started = performance.now();
  await drive({ connections, requests, counts, untilMs: started + order.seconds * 1_000 });
  const seconds = (performance.now() - started) / 1_000;
  for (const { socket } of connections) socket.destroy();
  return { requests: counts.requests, failures: counts.failures, seconds, latencies };
}

let isFirst = false;

/**
 * Whose rate is modest sleeps nearly all the time, and may go before every other process when it wakes: its own wait for a
 * processor is not the server's. Needs `chrt`, and leave to use it (root has it); without, that wait is in the latencies.
 */
function goFirst(wanted: boolean): void {
  if (wanted === isFirst) return;
  isFirst = wanted;
  const policy = wanted ? ['--fifo', '--pid', '1'] : ['--other', '--pid', '0'];
  spawnSync('chrt', [...policy, String(process.pid)], { stdio: 'ignore' });
}

interface Requests {
  /** Bytes of the next one; undefined: that was all. */
  next(): Buffer | undefined;
}

function createRequests({ request, tokens, limit = Infinity }: LoadRequest): Requests {
  const whole = Buffer.from(request, 'latin1');
  const [before = '', after = ''] = request.split('{token}');
  let sent = 0;
  return {
    next() {
      if (sent >= limit) return undefined;
      sent++;
      const token = tokens?.[(sent - 1) % tokens.length];
      return token === undefined ? whole : Buffer.from(before + token + after, 'latin1');
    },
  };
}

interface Drive {
  readonly connections: readonly Connection[];
  readonly requests: Requests;
  readonly counts: Counts;
  readonly untilMs: number;
}

/**
 * Every connection asks again as soon as its answer is collected: this finds the capacity. Answers are collected by `soon`,
 * which nobody has to wake: waking costs the server's thread 10 to 20 µs an answer on a virtual machine, and a slower
 * server more often than a faster one. Nor does it take the core from what the server asks itself, as a busy loop would.
 */
function driveClosed({ connections, requests, counts, untilMs }: Drive): Promise<void> {
  return new Promise((resolve) => {
    let busy = connections.length;
    const stop = (): void => {
      if (--busy === 0) resolve();
    };
    const collect = (): void => {
      if (busy > 0) soon(collect);
    };
    collect();
    for (const connection of connections) {
      const { socket } = connection;
      let stopped = false;
      const stopOnce = (): void => {
        if (!stopped) stop();
        stopped = true;
      };
      const send = (): void => {
        const bytes = performance.now() < untilMs ? requests.next() : undefined;
        if (bytes === undefined) stopOnce();
        else socket.write(bytes);
      };
      onAnswers(connection, counts, send);
      socket.on('close', stopOnce);
      send();
    }
  });
}

/**
 * Requests are due at fixed times whatever the answers do, and sent by a clock of 1 ms (a busy loop would take a core
 * from the server). Latency counts from that tick; a request without a free connection waits, and its wait counts.
 */
function driveOpen(
  rate: number,
  latencies: number[],
  pause: (tick: () => void) => void,
): (drive: Drive) => Promise<void> {
  return ({ connections, requests, counts, untilMs }) =>
    new Promise((resolve) => {
      const started = performance.now();
      const free = [...connections];
      const waiting: number[] = [];
      const dueOf = new Map<Connection, number>();
      let due = 0;
      const send = (connection: Connection, at: number): void => {
        const bytes = requests.next();
        if (bytes === undefined) return;
        dueOf.set(connection, at);
        connection.socket.write(bytes);
      };
      for (const connection of connections) {
        onAnswers(connection, counts, () => {
          latencies.push(performance.now() - (dueOf.get(connection) ?? NaN));
          const next = waiting.shift();
          if (next === undefined) free.push(connection);
          else send(connection, next);
        });
      }
      const tick = (): void => {
        const now = performance.now();
        for (; started + (due * 1_000) / rate <= Math.min(now, untilMs); due++) {
          // In turn: one that never gets a request is closed after ten seconds.
          const connection = free.shift();
          if (connection === undefined) waiting.push(now);
          else send(connection, now);
        }
        const idle = waiting.length === 0 && free.length === connections.length;
        if (now > untilMs && (idle || now > untilMs + 5_000)) resolve();
        else pause(tick);
      };
      tick();
    });
}

const later = (tick: () => void): void => void setTimeout(tick, 1);

const evenMs = 0.1;
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Timers of node are whole milliseconds; this sleeps for less, and leaves the core to others meanwhile. */
function soon(tick: () => void): void {
  Atomics.wait(nobody, 0, 0, evenMs);
  setImmediate(tick);
}

function open(host: string, port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve({ socket, rest: undefined });
    });
  });
}

function onAnswers(connection: Connection, counts: Counts, answered: () => void): void {
  connection.socket.on('data', (chunk: Buffer) => {
    let bytes = connection.rest === undefined ? chunk : Buffer.concat([connection.rest, chunk]);
    connection.rest = undefined;
    while (bytes.length > 0) {
      const length = answerLength(bytes);
      if (length === undefined || bytes.length < length) {
        connection.rest = bytes;
        return;
      }
      if (Number(bytes.toString('latin1', statusStart, statusStart + 3)) !== counts.status) counts.failures++;
      counts.requests++;
      bytes = bytes.subarray(length);
      answered();
    }
  });
  connection.socket.on('close', () => counts.failures++);
}

/** Undefined until the head is complete. Answers without a content-length have no body here (the bench checks that). */
function answerLength(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(endOfHead);
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, head));
  return head + endOfHead.length + Number(length?.[1] ?? 0);
}
