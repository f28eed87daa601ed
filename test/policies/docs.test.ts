import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { conditionHeaders } from '../../sidecar/policies/condition-names.ts';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { readPolicyTests } from '../../sidecar/resources/policy-tests.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';

const page = await readFile(new URL('../../docs/policies.md', import.meta.url), 'utf8');
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) => text.trim());

test('docs/policies.md shows policies that are valid', () => {
  const policies = blocks('yaml').filter((text) => text.startsWith('policies:'));
  assert.ok(policies.length > 0);
  for (const text of policies) {
    const { problems } = parseResources(text, 'docs/policies.md', resourceDeps);
    assert.deepEqual(
      problems.filter(({ severity }) => severity === 'error'),
      [],
    );
  }
});

test('docs/policies.md shows policy tests that can be read', () => {
  const tests = blocks('yaml').filter((text) => text.startsWith('cases:'));
  assert.equal(tests.length, 1);
  for (const text of tests) assert.deepEqual(readPolicyTests(text, 'docs/policies.md').problems, []);
});

test('docs/policies.md shows conditions that compile', () => {
  const conditions = blocks('cel');
  assert.ok(conditions.length >= 5);
  for (const text of conditions) assert.deepEqual(resourceDeps.conditionProblems(text), [], text);
});

test('docs/policies.md gives every name its type', () => {
  const example: Readonly<Record<string, string>> = {
    'request.header(…)': 'request.header("accept")',
    'request.arg(…)': 'request.arg("model")',
    'source.inside(…)': 'source.inside("::1")',
    'time.at(…)': 'time.at("UTC")',
  };
  const rows = [...page.matchAll(/^\| `((?:consumer|token|request|source|time)\.[^`]+)`\s*\| `([^`]+)`/gm)];
  assert.equal(rows.length, 19);
  for (const [, name = '', type] of rows) {
    // Compared with a number, which none of them is, the check says what type it has.
    const [problem] = resourceDeps.conditionProblems(`${example[name] ?? name} == 1.5`);
    assert.match(problem?.message ?? '', new RegExp(`overload: ${type ?? ''} == double`), name);
  }
});

test('docs/policies.md names every header that a condition may read', () => {
  for (const name of conditionHeaders) assert.ok(page.includes(`\`${name}\``), name);
});
