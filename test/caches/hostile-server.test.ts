/** Not a Redis that holds wrong values (hostile-redis.test.ts), but a server that does not speak Redis as it should. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createCache } from '../../sidecar/caches/index.ts';
import { createReplyGuard } from '../../sidecar/caches/redis-reply-guard.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { failsAsCache } from '../contract/cache-contract.ts';
import { silentLog } from './scripted.ts';

/** Answers PING and SUBSCRIBE as it should; then everything with `reply`. */
let reply = '';
let replyToGreeting = false;
/** Undefined: `reply`. */
let replyToSlots: string | undefined;
let server: Server;
const sockets = new Set<Socket>();
const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);

before(async () => {
  process.on('uncaughtException', note);
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      const isGreeting = /ping|subscribe/i.test(chunk.toString('latin1'));
      if (isGreeting && !replyToGreeting) {
        const isPing = /ping/i.test(chunk.toString('latin1'));
        socket.write(isPing ? '+PONG\r\n' : '*3\r\n$9\r\nsubscribe\r\n$9\r\ncf:hints:\r\n:1\r\n');
        if (!isPing) socket.write(reply, 'latin1');
      } else {
        const isSlots = /cluster/i.test(chunk.toString('latin1'));
        socket.write(isSlots ? (replyToSlots ?? reply) : reply, 'latin1');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  process.off('uncaughtException', note);
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function attack(bytes: string, onGreeting: boolean, form?: string): Promise<void> {
  reply = bytes;
  replyToGreeting = onGreeting;
  const url = form ?? `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = await createCache(url, { timeoutMs: 20 }, { clock: systemClock, log: silentLog });
  const heard: number[] = [];
  cache.onHint((revision) => heard.push(revision));
  const outcomes = await Promise.allSettled([
    cache.get('a'),
    cache.set('b', 'value', 1_000),
    cache.delete('c'),
    cache.publishHint(1),
    cache.get('d'),
    // Enough for them to go out together.
    ...Array.from({ length: 64 }, (_, i) => cache.get(`more-${i}`)),
  ]);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(failsAsCache(outcome.reason), String(outcome.reason));
  }
  await sleep(5);
  assert.ok(heard.every((revision) => Number.isSafeInteger(revision) && revision >= 0));
  await cache.close();
}

const wellFormed = ['+OK\r\n', ':1\r\n', '$-1\r\n', '$2\r\nhi\r\n', '$0\r\n\r\n', '-ERR no\r\n', '-MOVED 1 h:1\r\n'];
const malformed = [
  '*-1\r\n',
  '*0\r\n',
  '*1\r\n$7\r\nmessage\r\n',
  '*2\r\n$7\r\nmessage\r\n$-1\r\n',
  '*3\r\n$7\r\nmessage\r\n$9\r\ncf:hints:\r\n$3\r\n1.5\r\n',
  '*3\r\n$9\r\nsubscribe\r\n:1\r\n:1\r\n',
  '*1\r\n'.repeat(20_000),
  '>1\r\n$-1\r\n',
  '>1\r\n$9\r\nsubscribe\r\n',
  '%1\r\n+a\r\n+b\r\n',
  '_\r\n',
  '_D/',
  '+O\r',
  '#t',
  ',',
  '+\r\n',
  '-\r\n',
  '+O\r\n',
  '$536870912\r\nxxxx',
  '$99999999999999999999\r\n',
  `+${'x'.repeat(100_000)}`,
  'HTTP/1.1 400 Bad Request\r\n\r\n',
  '\r\n\r\n',
  '\u0000\u0000',
  '+OK\r\n+OK\r\n+OK\r\n+OK\r\n',
  '$-1\r\n$-1\r\n$-1\r\n$-1\r\n',
];

it('survives every reply that is none', async () => {
  for (const bytes of [...wellFormed, ...malformed]) {
    await attack(bytes, false);
    await attack(bytes, true);
  }
  await sleep(50);
  assert.deepEqual(uncaught, []);
});

it('survives any sequence of replies', async () => {
  const frame = fc.oneof(
    fc.constantFrom(...wellFormed, ...malformed.filter((bytes) => bytes.length < 200)),
    fc.string({ maxLength: 20 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 5 }), fc.boolean(), async (frames, onGreeting) => {
      await attack(frames.join(''), onGreeting);
      assert.deepEqual(uncaught, []);
    }),
    { numRuns: 40 },
  );
});

/** What a sentinel, or a node that is asked for the slots, might say; the same server is then the master, too. */
const resolutions = (port: number): readonly string[] => [
  `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`,
  '*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n',
  '*2\r\n$3\r\n/../\r\n$1\r\n1\r\n',
  '*2\r\n$4\r\n\u001b[2J\r\n$1\r\n1\r\n',
  '*2\r\n$-1\r\n$-1\r\n',
  `*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:${port}\r\n$1\r\nx\r\n`,
  `*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$-1\r\n:${port}\r\n$1\r\nx\r\n*0\r\n`,
  `*1\r\n*3\r\n:16383\r\n:0\r\n*2\r\n$0\r\n\r\n:${port}\r\n`,
  `*1\r\n*3\r\n:0\r\n:999999999999\r\n*2\r\n$0\r\n\r\n:${port}\r\n`,
  '*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$0\r\n\r\n:-1\r\n',
  '*1\r\n*3\r\n$9\r\n__proto__\r\n:1\r\n*0\r\n',
  '*2\r\n:1\r\n*1\r\n$-1\r\n',
  '*1\r\n'.repeat(5),
  '*16384\r\n'.repeat(4),
  '*-1\r\n',
  '*0\r\n',
  `*16384\r\n${'*0\r\n'.repeat(16_384)}`,
  '-MOVED 1 127.0.0.1:1\r\n',
  '-NOAUTH hunter2\r\n',
];

it('survives sentinels and nodes that answer anything, and waits for none of them', async () => {
  const { port } = server.address() as AddressInfo;
  for (const form of [`redis-sentinel://127.0.0.1:${port}/main`, `redis-cluster://127.0.0.1:${port}`]) {
    for (const bytes of [...resolutions(port), ...wellFormed, ...malformed]) {
      const began = performance.now();
      await attack(bytes, false, form);
      assert.ok(performance.now() - began < 2_000);
    }
  }
  await sleep(50);
  assert.deepEqual(uncaught, []);
});

it('opens no connection because an error reply names another server', async () => {
  const other = createServer((socket) => {
    asked += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  let asked = 0;
  await once(other, 'listening');
  const { port } = server.address() as AddressInfo;
  const evil = (other.address() as AddressInfo).port;
  replyToSlots = resolutions(port)[5] ?? '';
  for (const kind of ['MOVED', 'ASK']) {
    await attack(`-${kind} 1 127.0.0.1:${evil}\r\n`, false, `redis-cluster://127.0.0.1:${port}`);
  }
  replyToSlots = undefined;
  await sleep(50);
  assert.equal(asked, 0);
  assert.deepEqual(uncaught, []);
  other.close();
});

it('reads no further than a value can be long', async () => {
  reply = `$60000\r\n${'x'.repeat(60_000)}\r\n`.repeat(400);
  replyToGreeting = false;
  const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = await createCache(url, { timeoutMs: 200 }, { clock: systemClock, log: silentLog });
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20; i += 1) await cache.get('key').catch(() => undefined);
  assert.ok(process.memoryUsage().rss - before < 200_000_000);
  await cache.close();
  assert.deepEqual(uncaught, []);
});

it('judges a reply the same however it is cut into chunks', () => {
  const good = Buffer.from('+OK\r\n:12\r\n$5\r\nhe\r\no\r\n-ERR no\r\n$0\r\n\r\n$3\r\nabc\r\n');
  const bad = Buffer.from('+OK\r\n$5\r\nhello!\r\n');
  const options = { replies: 'values', maxBulkBytes: 100 } as const;
  for (let size = 1; size <= good.length; size += 1) {
    for (const [bytes, expected] of [
      [good, good],
      [bad, undefined],
    ] as const) {
      const guard = createReplyGuard(options);
      const passed: (Buffer | undefined)[] = [];
      for (let i = 0; i < bytes.length; i += size) passed.push(guard.pass(bytes.subarray(i, i + size)));
      const whole = passed.every((part) => part !== undefined) ? Buffer.concat(passed) : undefined;
      assert.deepEqual(whole, expected, `chunks of ${size}`);
    }
  }
});

it('holds back a line that is not whole yet: its first bytes are enough for the decoder to act', () => {
  for (const replies of ['values', 'messages'] as const) {
    for (const start of ['_', '_D/', '+O', '+O\r', '-ERR', '>1', '#', ',']) {
      const passed = createReplyGuard({ replies, maxBulkBytes: 100 }).pass(Buffer.from(start));
      assert.ok(passed === undefined || passed.length === 0, start);
    }
  }
});

it('lets a subscriber hear messages, and nothing nested, nil or short', () => {
  const judge = (text: string): boolean =>
    createReplyGuard({ replies: 'messages', maxBulkBytes: 100 }).pass(Buffer.from(text)) !== undefined;
  assert.ok(judge('*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n7\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n'));
  assert.ok(judge('*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n-ERR no\r\n'));
  for (const bad of [':1\r\n', '$1\r\na\r\n', '*1\r\n', '*4\r\n', '*2\r\n*2\r\n', '*2\r\n$-1\r\n', '*2\r\n+OK\r\n']) {
    assert.ok(!judge(bad), bad);
  }
});
