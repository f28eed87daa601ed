import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { describeConfig } from '../../sidecar/config/describe-config.ts';
import { configTemplate } from '../../sidecar/config/template.ts';
import { resourcesTemplate } from '../../sidecar/resources/template.ts';

const root = join(import.meta.dirname, '../..');

test('keeps the generated documents and schemas up to date', async () => {
  const script = join(root, 'docs/generate.ts');
  const { stderr } = await promisify(execFile)(process.execPath, [script, '--check']).catch((error: unknown) => {
    return error as { readonly stderr: string };
  });
  assert.equal(stderr, '');
});

test('documents every setting with its variable, default and meaning', () => {
  const rows = describeConfig();
  assert.ok(rows.length > 30);
  for (const row of rows) {
    assert.match(row.variable, /^CREDENTIALFLOW_[A-Z0-9_]+$/);
    assert.ok(row.default !== '' && row.type !== '' && row.description.endsWith('.'), row.variable);
  }
  assert.equal(new Set(rows.map(({ variable }) => variable)).size, rows.length);
});

async function validator(name: string): Promise<(value: unknown) => boolean> {
  const schema = JSON.parse(await readFile(join(root, 'schemas', name), 'utf8')) as object;
  // zod writes formats that editors know and ajv does not by itself; the patterns beside them say the same.
  return new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
}

test('gives editors a schema of credentialflow.yaml that accepts the template and refuses mistakes', async () => {
  const accepts = await validator('credentialflow.schema.json');
  assert.ok(accepts(parse(configTemplate())));
  assert.ok(accepts({ keys: { admin: { from: 'file', path: 'x' } }, store: 'sqlite::memory:', drain_timeout: '1m' }));
  assert.ok(!accepts({ lisen: {} }));
  assert.ok(!accepts({ drain_timeout: 30 }));
  assert.ok(!accepts({ keys: { admin: 'clear' } }));
});

test('gives editors a schema of resources.yaml that accepts the template and refuses mistakes', async () => {
  const accepts = await validator('resources.schema.json');
  assert.ok(accepts(parse(resourcesTemplate())));
  assert.ok(!accepts({ upstreams: [{ id: 'a', preset: 'openai', bas_url: 'x' }] }));
  assert.ok(!accepts({ credentials: [{ id: 'a', upstream: 'b', secret: 'clear' }] }));
});
