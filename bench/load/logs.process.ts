/**
 * Posts batches as APISIX's http-logger does: each on a connection of its own, at fixed times whatever the answers are.
 * Not all goes well: some batches come again, some late, some are cut off, and some are far too long.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { LogOrder, LogResult } from './log-messages.ts';

const entriesInBatch = 20;
const everyNth = { repeated: 20, late: 7, cut: 50 } as const;
const lateByMs = 400;
const oversizedEveryMs = 1_000;
const retries = 3;

interface Batch {
  readonly bytes: Buffer;
  readonly usable: number;
}

process.on('message', (order: LogOrder) => {
  void post(order).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));

async function post(order: LogOrder): Promise<LogResult> {
  const counts = { batches: 0, usable: 0, repeated: 0, cut: 0, oversized: 0, refused: 0, failures: 0 };
  const make = createBatches(order);
  const started = performance.now();
  const untilMs = started + order.seconds * 1_000;
  const batchesPerMs = order.rate / entriesInBatch / 1_000;
  const underWay = new Set<Promise<void>>();

  const send = (batch: Batch, count: 'usable' | 'repeated', attempt = 1): void => {
    const work = exchange(order, batch.bytes).then((status) => {
      if (status === 204) {
        counts.batches++;
        counts[count] += batch.usable;
      } else if (attempt > retries) counts.failures++;
      else {
        if (status === 503) counts.refused++;
        later(() => send(batch, count, attempt + 1));
      }
    });
    underWay.add(work);
    void work.then(() => underWay.delete(work));
  };
  const later = (run: () => void): void => {
    const work = new Promise<void>((resolve) => {
      setTimeout(() => {
        run();
        resolve();
      }, lateByMs);
    });
    underWay.add(work);
    void work.then(() => underWay.delete(work));
  };

  let sent = 0;
  let oversizedAt = started + oversizedEveryMs / 2;
  for (let now = started; now < untilMs; now = performance.now()) {
    for (; sent < (now - started) * batchesPerMs; sent++) {
      const isCut = sent % everyNth.cut === 0;
      const batch = make(isCut);
      if (isCut) counts.cut++;
      if (sent % everyNth.late === 0) later(() => send(batch, 'usable'));
      else send(batch, 'usable');
      // The gateway did not hear the answer. What was cut off is not repeated: the counts stay simple.
      if (sent % everyNth.repeated === 1) later(() => send(batch, 'repeated'));
    }
    if (now >= oversizedAt) {
      oversizedAt += oversizedEveryMs;
      const status = await exchange(order, tooLong(order));
      if (status === 413 || status === 0) counts.oversized++;
      else counts.failures++;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (underWay.size > 0) await Promise.all(underWay);
  return { ...counts, seconds: (performance.now() - started) / 1_000 };
}

/** Status of the answer; 0: there was none. */
function exchange({ host, port }: LogOrder, bytes: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    let answer = '';
    const done = (): void => {
      socket.destroy();
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0));
    };
    socket.setTimeout(10_000, done);
    socket.on('error', done);
    socket.on('close', done);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\r\n\r\n')) done();
    });
    socket.write(bytes);
  });
}

/** The entries of one batch are written once; only their request ids differ. */
function createBatches(order: LogOrder): (isCut: boolean) => Batch {
  const idLength = 32;
  const start = randomBytes(8).toString('hex');
  const entry = {
    ts: (Date.now() / 1_000).toFixed(3),
    request_id: '#'.repeat(idLength),
    credential: order.versionId,
    method: 'POST',
    status: 200,
    request_time: 1.234,
    request_length: 1_204,
    bytes_sent: 4_567,
    upstream: { addr: '192.0.2.7:443', status: '200', response_time: 1.204, header_time: 0.301 },
    limits: {
      'x-ratelimit-limit-requests': '10000',
      'x-ratelimit-limit-tokens': '2000000',
      'x-ratelimit-remaining-requests': '9999',
      'x-ratelimit-remaining-tokens': '1999000',
      'x-ratelimit-reset-requests': '6ms',
      'x-ratelimit-reset-tokens': '30ms',
    },
    route_id: 'openai',
  };
  const body = Buffer.from(JSON.stringify(Array.from({ length: entriesInBatch }, () => entry)));
  const places: number[] = [];
  for (let at = body.indexOf('#'); at >= 0; at = body.indexOf('#', at + idLength)) places.push(at);
  let count = 0;
  return (isCut) => {
    for (const place of places) body.write(start + (++count).toString(16).padStart(idLength - start.length, '0'), place, 'latin1'); // prettier-ignore
    const sent = isCut ? body.subarray(0, body.length - 100) : body;
    const bytes = Buffer.concat([headOf(order, sent.length), sent]);
    return { bytes, usable: isCut ? entriesInBatch - 1 : entriesInBatch };
  };
}

function tooLong(order: LogOrder): Buffer {
  return Buffer.concat([headOf(order, 2 * 1_048_576), Buffer.alloc(65_536, '[')]);
}

function headOf({ host, port, key }: LogOrder, length: number): Buffer {
  return Buffer.from(
    `POST /api/logs HTTP/1.1\r\nHost: ${host}:${String(port)}\r\nUser-Agent: lua-resty-http/0.17.2 (Lua) ngx_lua/10028\r\n` +
      `Content-Type: application/json\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${String(length)}\r\n\r\n`,
  );
}
