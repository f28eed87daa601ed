import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';
import { resourcesJsonSchema } from '../../sidecar/resources/resources-schema.ts';

const page = await readFile(new URL('../../docs/resources.md', import.meta.url), 'utf8');

test('docs/resources.md shows examples that are valid', () => {
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  assert.equal(examples.length, 9);
  for (const text of examples) {
    const { mutations, problems } = parseResources(text, 'docs/resources.md', resourceDeps);
    assert.deepEqual(
      problems.filter(({ severity }) => severity === 'error'),
      [],
    );
    assert.ok(mutations.length > 0);
  }
});

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
  for (const id of resourceDeps.presets.keys()) assert.ok(page.includes(`\`${id}\``), id);
});

interface ListSchema {
  readonly anyOf: readonly [{ readonly items: { readonly properties: Readonly<Record<string, unknown>> } }, unknown];
}

function entryOf(schema: unknown): Readonly<Record<string, unknown>> {
  return (schema as ListSchema).anyOf[0].items.properties;
}
