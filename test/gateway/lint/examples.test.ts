import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { lintExamples } from '../../../docs/lint-examples.ts';
import { rules } from '../../../sidecar/gateway/lint/rules/index.ts';
import { parseResources } from '../../../sidecar/resources/parse.ts';
import { resourceDeps } from '../../../sidecar/resource-deps.ts';
import type { UpstreamSpec } from '../../../sidecar/core/resources.ts';
import { lintFiles, needingResources } from './corpus.ts';

const document = readFileSync('docs/lint-rules.md', 'utf8');
const { mutations } = parseResources(
  'upstreams:\n  - id: openai\n    preset: openai\n',
  'resources.yaml',
  resourceDeps,
);
const known = {
  upstreams: new Map(mutations.flatMap((one) => (one.op === 'put' ? [[one.id, one.spec as UpstreamSpec]] : []))),
  injectedHeaders: () => ['authorization'],
  pinnedHeaders: () => [],
  reads: () => ({ headers: [], args: ['model'] }),
};

function firedBy(text: string, needsResources: boolean): readonly string[] {
  const { findings, problems } = lintFiles([{ file: 'example.yaml', text }], {}, needsResources ? known : undefined);
  assert.deepEqual(problems, []);
  return findings.map(({ rule }) => rule);
}

describe('docs/lint-rules.md', () => {
  it('has an example for each rule, and for no other', () => {
    assert.deepEqual(Object.keys(lintExamples).sort(), rules.map(({ id }) => id).sort());
  });
  for (const { id } of rules) {
    const example = lintExamples[id];
    it(`${id}: its failing example fires it, its passing one does not`, () => {
      assert.ok(example !== undefined);
      const needsResources = needingResources.has(id);
      assert.ok(firedBy(example.failing, needsResources).includes(id), example.failing);
      assert.ok(!firedBy(example.passing, needsResources).includes(id), example.passing);
    });
    it(`${id} is described with both`, () => {
      assert.ok(example !== undefined);
      const section = document.slice(document.indexOf(`\n## ${id}\n`));
      assert.ok(section.length > 0, id);
      for (const text of [example.failing, example.passing]) assert.ok(section.includes(text.trimEnd()), text);
    });
  }
});

describe('rules', () => {
  it('have ids of their own, in kebab case', () => {
    const ids = rules.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
  });
});
