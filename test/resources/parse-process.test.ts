import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Mutation } from '../../sidecar/core/ports.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { presets } from '../../sidecar/presets/index.ts';
import { parseInProcess } from '../../sidecar/resources/parse-in-process.ts';
import { resourcesTemplate } from '../../sidecar/resources/template.ts';
import { unpack } from '../../sidecar/stores/mutations/unpack.ts';

const processUrl = new URL('../../sidecar/parse-process.ts', import.meta.url);

async function parseText(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'cf-parse-'));
  try {
    const file = join(folder, 'resources.yaml');
    await writeFile(file, text);
    const parsed = await parseInProcess({ file, owner: 'file:x', processUrl, timeoutMs: 60_000 }, systemClock);
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
  const job = { file: 'request', owner: 'api', text, processUrl, timeoutMs: 60_000 } as const;
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

test('ends a parser that takes too long', async () => {
  const clock = { ...systemClock, after: (_: number, run: () => void) => systemClock.after(1, run) };
  const job = { file: 'request', owner: 'api', text: '', processUrl, timeoutMs: 1 } as const;
  await assert.rejects(parseInProcess(job, clock), /took too long/);
});
