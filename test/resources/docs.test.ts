import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';
import { resourcesJsonSchema } from '../../sidecar/resources/resources-schema.ts';

const page = await readFile(new URL('../../docs/resources.md', import.meta.url), 'utf8');

for (const [name, count] of [
  ['resources.md', 11],
  ['jwt.md', 5],
] as const) {
  test(`docs/${name} shows examples that are valid`, async () => {
    const text = await readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
    const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, example = '']) => example);
    assert.equal(examples.length, count);
    for (const example of examples) {
      const { mutations, problems } = parseResources(example, `docs/${name}`, resourceDeps);
      assert.deepEqual(
        problems.filter(({ severity }) => severity === 'error'),
        [],
      );
      assert.ok(mutations.length > 0);
    }
  });
}

test('docs/resources.md explains every field of every kind', () => {
  const { properties } = resourcesJsonSchema() as { readonly properties: Readonly<Record<string, unknown>> };
  for (const [section, schema] of Object.entries(properties)) {
    const part = page.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? assert.fail(`${section} is not explained`);
    const fields = Object.keys(entryOf(schema));
    assert.ok(fields.length >= 2);
    for (const field of fields) {
      assert.match(part, new RegExp(`^\\| \`${field}\` `, 'm'), `${section}: ${field} is not explained`);
    }
    const rows = [...part.matchAll(/^\| `(\w+)`/gm)].map(([, field]) => field);
    assert.deepEqual(rows.sort(), fields.sort());
  }
});

test('docs/resources.md names every preset', () => {
  for (const id of [...resourceDeps.presets.keys(), ...resourceDeps.issuerPresets.keys()])
    assert.ok(page.includes(`\`${id}\``), id);
});

interface ListSchema {
  readonly anyOf: readonly [{ readonly items: { readonly properties: Readonly<Record<string, unknown>> } }, unknown];
}

function entryOf(schema: unknown): Readonly<Record<string, unknown>> {
  return (schema as ListSchema).anyOf[0].items.properties;
}
