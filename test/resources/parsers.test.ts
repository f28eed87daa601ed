import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ParseAnswer } from '../../sidecar/resources/parse-messages.ts';
import { createParsers, type Parser, type Parsers } from '../../sidecar/resources/parsers.ts';

const processUrl = new URL('./support/telling-process.ts', import.meta.url);

function startParsers(t: TestContext, shell?: string): Parsers {
  const parsers = createParsers({ processUrl, ...(shell !== undefined && { shell }) });
  t.after(() => parsers.close());
  return parsers;
}

interface Asked {
  readonly parser: Parser;
  readonly answer: Promise<ParseAnswer>;
  readonly failure: Promise<string>;
}

function ask(parsers: Parsers, file: string): Asked {
  const answer = Promise.withResolvers<ParseAnswer>();
  const failure = Promise.withResolvers<string>();
  const parser = parsers.start({
    answered: answer.resolve,
    failed({ message }) {
      failure.resolve(message);
    },
  });
  parser.send({ file, owner: 'api' });
  return { parser, answer: answer.promise, failure: failure.promise };
}

interface Told {
  readonly pid: number;
  readonly parent: number;
  readonly priority: number;
  readonly env: readonly string[];
}

/** What a parser says of itself, once it has ended. */
async function tell(parsers: Parsers): Promise<Told> {
  const { answer, failure } = ask(parsers, 'tell');
  const told = await answer;
  assert.equal(await failure, 'the parser ended early');
  return JSON.parse(told.type === 'unreadable' ? told.message : '') as Told;
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (isRunning(pid)) {
    assert.ok(Date.now() < deadline);
    await sleep(10);
  }
}

test('one small process forks a new parser for each load', async (t) => {
  const parsers = startParsers(t);
  const [first, second] = [await tell(parsers), await tell(parsers)];
  assert.equal(first.parent, second.parent);
  assert.notEqual(first.parent, process.pid);
  assert.notEqual(first.pid, second.pid);
});

test('a parser comes after the decisions, and knows nothing of the environment', async (t) => {
  const { priority, env } = await tell(startParsers(t));
  assert.equal(priority, 19);
  // The shell adds its folder; Node adds the channel, and what its coverage needs where this test runs under it.
  const added = ['PWD', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_V8_COVERAGE'];
  assert.deepEqual(
    env.filter((name) => !added.includes(name)),
    [],
  );
});

test('beside a load that lasts, this process forks', async (t) => {
  const parsers = startParsers(t);
  const lasting = ask(parsers, 'hang');
  const { parent, priority } = await tell(parsers);
  assert.deepEqual([parent, priority], [process.pid, 19]);
  await lasting.parser.end();
});

test('without a shell, this process forks', async (t) => {
  const parsers = startParsers(t, '/nonexistent/sh');
  assert.equal((await tell(parsers)).parent, process.pid);
  assert.equal((await tell(parsers)).parent, process.pid);
});

for (const shell of ['/bin/sh', '/nonexistent/sh']) {
  test(`what it said last is heard before its end, however late both are read (${shell})`, async (t) => {
    const parsers = startParsers(t, shell);
    const heard: string[] = [];
    const ended = Promise.withResolvers<undefined>();
    const parser = parsers.start({
      answered: ({ type }) => void heard.push(type),
      failed({ message }) {
        heard.push(message);
        ended.resolve(undefined);
      },
    });
    parser.send({ file: 'tell', owner: 'api' });
    await new Promise((resolve) => setImmediate(resolve));
    // Long enough for it to be gone when this thread looks again.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
    await ended.promise;
    assert.deepEqual(heard, ['unreadable', 'the parser ended early']);
  });
}

test("a parser is ended in the middle, and the next one is another process's child", async (t) => {
  const parsers = startParsers(t);
  const before = await tell(parsers);
  const { parser, failure } = ask(parsers, 'hang');
  await parser.end();
  assert.equal(await failure, 'the parser ended early');
  assert.equal(isRunning(before.parent), false);
  const after = await tell(parsers);
  assert.notEqual(after.parent, before.parent);
  assert.notEqual(after.parent, process.pid);
});

test('what a parser leaves half said is not taken for what the next one says', async (t) => {
  const parsers = startParsers(t);
  assert.equal(await ask(parsers, 'die').failure, 'the parser ended early');
  await tell(parsers);
});

test('a shell that was killed is started again', async (t) => {
  const parsers = startParsers(t);
  const { parent } = await tell(parsers);
  process.kill(parent, 'SIGKILL');
  await untilGone(parent);
  await sleep(50);
  assert.notEqual((await tell(parsers)).parent, parent);
});

test('closing ends whatever runs', async () => {
  const parsers = createParsers({ processUrl });
  const { parent } = await tell(parsers);
  const [first, second] = [ask(parsers, 'hang'), ask(parsers, 'hang')];
  await parsers.close();
  assert.equal(await first.failure, 'the parser ended early');
  assert.equal(await second.failure, 'the parser ended early');
  assert.equal(isRunning(parent), false);
});

test('a process that is killed leaves nothing behind', async () => {
  const module = JSON.stringify(new URL('../../sidecar/resources/parsers.ts', import.meta.url).href);
  const code = `import { createParsers } from ${module};
    const parsers = createParsers({ processUrl: new URL(${JSON.stringify(processUrl.href)}) });
    const heard = { answered({ message }) { console.log(message); parsers.start(heard).send({ file: 'hang' }); }, failed() {} };
    parsers.start(heard).send({ file: 'tell' });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { parent } = JSON.parse(line.toString()) as Told;
  const children = (pid: number): Promise<string> =>
    readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  assert.match(await children(child.pid ?? 0), new RegExp(String(parent)));
  child.kill('SIGKILL');
  await untilGone(parent);
});
