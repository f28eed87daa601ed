import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Store, StoreCopy } from '../../sidecar/core/ports.ts';
import type { CopyPart } from '../../sidecar/core/store-copy.ts';
import { restore } from '../../sidecar/stores/restore.ts';
import { admin, many, put, putToken } from '../contract/store/samples.ts';
import { createOpening, temporaryFolder } from './open-sqlite.ts';

async function source(open: (location: string) => Promise<Store>): Promise<Store> {
  const store = await open(':memory:');
  await store.write([...many(20, 'api'), putToken('t')], admin);
  return store;
}

test('makes a store where there is none, and fills an empty one', async (t) => {
  const folder = await temporaryFolder(t);
  const { open, clock, log } = createOpening(t);
  const from = await source(open);
  await (await open(join(folder, 'empty.db'))).close();
  for (const name of ['new/deep.db', 'empty.db']) {
    const path = join(folder, name);
    const restored = await restore(`sqlite:${path}`, () => from.dump(), { replace: false }, { clock, log });
    const store = await open(path);
    assert.deepEqual(await store.identity(), restored.identity);
    assert.ok(await store.getToken('tok_t'));
  }
  assert.ok(!existsSync(join(folder, 'new/deep.db.restoring')));
});

test('replaces a store only when told to, keeps it aside, and raises the epoch above both', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'store.db');
  const { open, clock, log } = createOpening(t);
  const from = await source(open);
  const first = await open(path);
  await first.write([put('old')], admin);
  await first.close();
  const asked = () => restore(`sqlite:${path}`, () => from.dump(), { replace: false }, { clock, log });
  await assert.rejects(asked, { code: 'store_not_empty' });
  const once = await restore(`sqlite:${path}`, () => from.dump(), { replace: true }, { clock, log });
  assert.ok(once.aside);
  clock.advance(1_000);
  const twice = await restore(`sqlite:${path}`, () => from.dump(), { replace: true }, { clock, log });
  assert.ok(twice.identity.epoch > once.identity.epoch);
  assert.ok(await (await open(once.aside)).getResource('consumer', 'old'));
  const now = await open(path);
  assert.equal(await now.getResource('consumer', 'old'), undefined);
  assert.ok(await now.getResource('consumer', 'c00001'));
});

test('changes nothing when the copy breaks off or is not sound', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'store.db');
  const { open, clock, log } = createOpening(t);
  const from = await source(open);
  const store = await open(path);
  await store.write([put('old')], admin);
  await store.close();
  const before = await readFile(path);
  const breaking = async (): Promise<StoreCopy> => {
    const copy = await from.dump();
    return { ...copy, parts: without(copy.parts) };
  };
  await assert.rejects(restore(`sqlite:${path}`, breaking, { replace: true }, { clock, log }), {
    code: 'copy_invalid',
  });
  assert.deepEqual(await readFile(path), before);
  assert.deepEqual(await readdir(folder), ['store.db']);
});

test('puts a backup in the place of a database that is broken', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'store.db');
  const { open, clock, log } = createOpening(t);
  const from = await source(open);
  await writeFile(path, 'this was a database once');
  await writeFile(`${path}-wal`, 'and this its log');
  const asked = () => restore(`sqlite:${path}`, () => from.dump(), { replace: false }, { clock, log });
  await assert.rejects(asked, { code: 'store_not_empty' });
  const { aside } = await restore(`sqlite:${path}`, () => from.dump(), { replace: true }, { clock, log });
  assert.equal(await readFile(String(aside), 'utf8'), 'this was a database once');
  assert.ok(await (await open(path)).getToken('tok_t'));
});

test('refuses a store in memory', async (t) => {
  const { open, clock, log } = createOpening(t);
  const from = await source(open);
  const asked = () => restore('sqlite::memory:', () => from.dump(), { replace: false }, { clock, log });
  await assert.rejects(asked, { code: 'config_invalid' });
});

async function* without(parts: AsyncIterable<CopyPart>): AsyncGenerator<CopyPart, void> {
  for await (const part of parts) if (!('end' in part)) yield part;
}
