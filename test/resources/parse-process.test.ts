import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mutation } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { presets } from '../../sidecar/presets/index.ts';
import { parseInProcess } from '../../sidecar/resources/parse-in-process.ts';
import { createParsers, type Parsers } from '../../sidecar/resources/parsers.ts';
import { resourcesTemplate } from '../../sidecar/resources/template.ts';
import { unpack } from '../../sidecar/stores/mutations/unpack.ts';

const parsers = createParsers({ processUrl: new URL('../../sidecar/parse-process.ts', import.meta.url) });
after(() => parsers.close());

async function parseText(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'cf-parse-'));
  try {
    const file = join(folder, 'resources.yaml');
    await writeFile(file, text);
    const parsed = await parseInProcess({ file, owner: 'file:x', parsers, timeoutMs: 60_000 }, systemClock);
    assert.ok('chunks' in parsed);
    await parsed.close();
    return parsed;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('the real process knows the families: the template of init is valid without a warning', async () => {
  const { count, problems } = await parseText(resourcesTemplate());
  assert.deepEqual([count, problems], [4, []]);
});

test('the real process accepts every preset with its defaults', async () => {
  const upstreams = [...presets.values()].map(({ id, baseUrl }) => {
    return `  - { id: ${id}, preset: ${id}${baseUrl === undefined ? ', base_url: "https://api.example"' : ''} }\n`;
  });
  const { count, problems } = await parseText(`upstreams:\n${upstreams.join('')}`);
  assert.deepEqual([count, problems], [presets.size, []]);
});

test('the real process asks the families what they think of references and injections', async () => {
  const { problems } = await parseText(
    `upstreams:
  - { id: a, preset: openai, injection: { kind: magic } }
credentials:
  - { id: b, upstream: a, secret: { from: moon } }
`,
  );
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['upstreams[0].injection', 'credentials[0].secret'],
  );
});

test('the real process reads a text of the admin API in place of a file', async () => {
  const text = 'consumers: [{ id: x, owner: o }]\n';
  const job = { file: 'request', owner: 'api', text, parsers, timeoutMs: 60_000 } as const;
  const parsed = await parseInProcess(job, systemClock);
  assert.ok('chunks' in parsed);
  const mutations: Mutation[] = [];
  for await (const chunk of parsed.chunks) mutations.push(...unpack(chunk));
  await parsed.close();
  assert.deepEqual(
    mutations.map((mutation) => (mutation.op === 'put' ? [mutation.id, mutation.owner] : [])),
    [['x', 'api']],
  );
});

test('a parser with nothing to hand out ends by itself', async () => {
  const ends: string[] = [];
  const watched: Parsers = {
    ...parsers,
    start(heard) {
      const parser = parsers.start({ ...heard, failed: (error) => void ends.push(error.message) });
      return { ...parser, end: () => Promise.reject(new Error('it was ended')) };
    },
  };
  const job = { owner: 'api', parsers: watched, timeoutMs: 60_000 } as const;
  const refused = await parseInProcess({ ...job, file: 'request', text: 'consumers: 1\n' }, systemClock);
  assert.ok('chunks' in refused);
  assert.equal(refused.refusal, 'resource_invalid');
  await refused.close();
  const missing = await parseInProcess({ ...job, file: join(tmpdir(), 'cf-no-such-file.yaml') }, systemClock);
  assert.deepEqual(missing, { type: 'unreadable', missing: true, message: 'the file does not exist' });
  const deadline = Date.now() + 30_000;
  while (ends.length < 2) {
    assert.ok(Date.now() < deadline);
    await sleep(10);
  }
});

test('ends a parser that takes too long', async () => {
  const clock = { ...systemClock, after: (_: number, run: () => void) => systemClock.after(1, run) };
  const job = { file: 'request', owner: 'api', text: '', parsers, timeoutMs: 1 } as const;
  await assert.rejects(parseInProcess(job, clock), /took too long/);
});
