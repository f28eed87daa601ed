import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startWriterThread } from '../../sidecar/stores/sqlite/writer-thread.ts';
import { admin, applyOptions, file, many, put } from '../contract/store/samples.ts';
import { createLogList, createOpening, temporaryFolder } from './open-sqlite.ts';

const options = { location: '/nowhere/store.db', migrations: [], changeLogRows: 10, nowMs: 0 };

function workerThat(does: string): URL {
  const opens = 'import { parentPort } from "node:worker_threads"; parentPort.postMessage({ id: 0, result: {} });';
  return new URL(`data:text/javascript,${encodeURIComponent(`${opens} parentPort.on("message", () => { ${does} });`)}`);
}

for (const [name, does] of [
  ['exits', 'process.exit(3)'],
  ['throws', 'throw new Error("secret row")'],
] as const) {
  test(`fails whatever waits, and whatever comes later, when the writer ${name}`, { timeout: 20_000 }, async () => {
    const log = createLogList();
    const { port } = await startWriterThread(options, { log, workerUrl: workerThat(does) });
    const waiting = [1, 2, 3].map(() => port.call('write', [put('a')], admin, 0));
    for (const call of waiting) await assert.rejects(call, { code: 'store_failed' });
    await assert.rejects(port.call('setMeta', 'a', 'b'), { code: 'store_failed' });
    await port.close();
    assert.deepEqual(
      log.lines.map((line) => line.event),
      ['store_writer_died'],
    );
    assert.ok(!JSON.stringify(log.lines).includes('secret row'));
  });
}

test('fails to open when the writer dies before it opened', { timeout: 20_000 }, async () => {
  const workerUrl = new URL('data:text/javascript,process.exit(1)');
  await assert.rejects(startWriterThread(options, { log: createLogList(), workerUrl }), { code: 'store_failed' });
});

test('gives up a source that stalls, and lets the next write in', { timeout: 20_000 }, async (t) => {
  for (const location of [join(await temporaryFolder(t), 'store.db'), ':memory:']) {
    const { open, clock } = createOpening(t);
    const store = await open(location, { applyStallMs: 30_000 });
    const stalled = Promise.withResolvers<undefined>();
    async function* source() {
      yield many(600);
      stalled.resolve(undefined);
      await new Promise(() => undefined);
    }
    const applying = store.apply(source(), applyOptions());
    const writing = store.write([put('after')], admin);
    await stalled.promise;
    // The wait for the source begins in the same turn in which the source begins to stall.
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(30_000);
    await assert.rejects(applying, { code: 'store_failed', message: /gave nothing for 30000 ms/ });
    assert.equal((await writing).revision, 1);
    assert.deepEqual(
      (await store.listResources('consumer')).map((record) => record.id),
      ['after'],
    );
  }
});

test('keeps the loop free while ten thousand resources are applied and read', async (t) => {
  const store = await createOpening(t).open(join(await temporaryFolder(t), 'store.db'));
  const source = Array.from({ length: 20 }, (_, index) => many(500, file, `c${index}-`));
  let last = performance.now();
  const pauses: number[] = [];
  const timer = setInterval(() => {
    pauses.push(performance.now() - last);
    last = performance.now();
  }, 1);
  await store.apply(source, applyOptions());
  let records = 0;
  for await (const chunk of (await store.readAll()).chunks) records += chunk.length;
  clearInterval(timer);
  assert.equal(records, 10_000);
  // The median of the pauses: single ones are the machine's, and garbage collection's.
  const median = pauses.sort((a, b) => a - b)[Math.floor(pauses.length / 2)] ?? Infinity;
  assert.ok(pauses.length >= 40, `only ${pauses.length} turns of the loop`);
  assert.ok(median < 10, `pauses of ${median.toFixed(1)} ms`);
});

test('lets a process wait for its last writes and for the close, and end by itself', { timeout: 20_000 }, async (t) => {
  const path = join(await temporaryFolder(t), 'store.db');
  const url = new URL('../../sidecar/stores/sqlite.ts', import.meta.url).href;
  const script = `
    import { openSqliteStore } from ${JSON.stringify(url)};
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const store = await openSqliteStore(process.argv[1], {}, { clock: { now: () => 0 }, log });
    await store.setMeta('key', 'value');
    const closing = process.argv[2] === 'close' ? store.close() : undefined;
    await closing;
    console.log('done');`;
  for (const end of ['close', 'leave']) {
    const argv = ['--input-type=module', '--eval', script, path, end];
    assert.equal(execFileSync(process.execPath, argv, { encoding: 'utf8' }), 'done\n', end);
  }
});

test('the writer gives way to the decisions', { skip: process.platform !== 'linux' }, async (t) => {
  const { open } = createOpening(t);
  const store = await open(join(await temporaryFolder(t), 'store.db'));
  await store.write([put('a')], admin);
  const threads = readdirSync('/proc/self/task').map((id) => ({
    name: readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim(),
    priority: getPriority(Number(id)),
  }));
  assert.deepEqual(
    threads.filter(({ name }) => name === 'store-writer').map(({ priority }) => priority),
    [10],
  );
  assert.equal(getPriority(), 0);
});

test(
  'the writer of a process of low priority opens, and has no higher one',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const module = JSON.stringify(new URL('../../sidecar/stores/sqlite.ts', import.meta.url).href);
    const path = JSON.stringify(join(await temporaryFolder(t), 'store.db'));
    const code = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    import { openSqliteStore } from ${module};
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const store = await openSqliteStore(${path}, {}, { log, clock: { now: Date.now } });
    const writer = readdirSync('/proc/self/task').find(
      (id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim() === 'store-writer',
    );
    console.log(getPriority(Number(writer)));
    await store.close();`;
    const args = ['-n', '15', process.execPath, '--input-type=module', '--eval', code];
    assert.equal(execFileSync('nice', args, { encoding: 'utf8' }).trim(), '15');
  },
);
