import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { migrations } from '../../sidecar/stores/migrations/index.ts';
import type { Migration } from '../../sidecar/stores/migrations/migration.ts';
import { admin, applyOptions, many, put } from '../contract/store/samples.ts';
import { createOpening, temporaryFolder } from './open-sqlite.ts';

const nextVersion = (migrations.sqlite.at(-1)?.version ?? 0) + 1;
const next: Migration = {
  version: nextVersion,
  name: 'test',
  sql: `ALTER TABLE resources ADD COLUMN note TEXT NOT NULL DEFAULT 'new'`,
};

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

test('keeps its files to their owner, also one that was open to others', async (t) => {
  const folder = await temporaryFolder(t);
  const { open } = createOpening(t);
  await writeFile(join(folder, 'old.db'), '', { mode: 0o644 });
  for (const path of [join(folder, 'old.db'), join(folder, 'deep/er/new.db')]) {
    const store = await open(path);
    await store.write([put('team')], admin);
    for (const suffix of ['', '-wal', '-shm']) assert.equal(await modeOf(path + suffix), '600', suffix);
  }
  assert.equal(await modeOf(join(folder, 'deep')), '700');
});

test('writes through a WAL, and leaves none behind when it is closed', async (t) => {
  const path = join(await temporaryFolder(t), 'store.db');
  const store = await createOpening(t).open(path);
  await store.write([put('team')], admin);
  assert.ok((await stat(`${path}-wal`)).size > 0);
  await store.close();
  assert.deepEqual(await readdir(join(path, '..')), ['store.db'], 'closing left the WAL behind');
});

test('copies an existing database before it migrates it, and begins a new epoch', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'store.db');
  const { open, log } = createOpening(t);
  const old = await open(path);
  await old.write([put('team')], admin);
  const before = await old.identity();
  await old.close();

  const store = await open(path, { migrations: [...migrations.sqlite, next] });
  assert.deepEqual(await store.identity(), { ...before, epoch: before.epoch + 1 });
  assert.ok(await store.getResource('consumer', 'team'));
  const copies = (await readdir(folder)).filter((name) => name.startsWith(`store.db.v${nextVersion - 1}.bak-`));
  assert.equal(copies.length, 1);
  const copy = join(folder, String(copies[0]));
  assert.equal(await modeOf(copy), '600');
  const logged = log.lines.filter((line) => line.event === 'store_migrated').at(-1);
  assert.deepEqual(logged?.fields, { from: nextVersion - 1, to: nextVersion, copy });

  const restored = await open(copy);
  assert.deepEqual(await restored.identity(), before);
  assert.ok(await restored.getResource('consumer', 'team'));
});

test('copies nothing where there is nothing to migrate', async (t) => {
  const folder = await temporaryFolder(t);
  const { open } = createOpening(t);
  await (await open(join(folder, 'store.db'))).close();
  await (await open(join(folder, 'store.db'))).close();
  assert.deepEqual(await readdir(folder), ['store.db']);
});

test('leaves the database as it was when a migration fails', async (t) => {
  const path = join(await temporaryFolder(t), 'store.db');
  const { open } = createOpening(t);
  const old = await open(path);
  await old.write([put('team')], admin);
  const before = await old.identity();
  await old.close();
  const broken = { ...next, sql: `${next.sql}; SELECT nonsense` };
  await assert.rejects(open(path, { migrations: [...migrations.sqlite, broken] }), { code: 'store_failed' });
  const store = await open(path);
  assert.deepEqual(await store.identity(), before);
});

test('refuses a schema that a newer version wrote', async (t) => {
  const path = join(await temporaryFolder(t), 'store.db');
  const { open } = createOpening(t);
  await (await open(path, { migrations: [...migrations.sqlite, next] })).close();
  await assert.rejects(open(path), {
    code: 'schema_newer',
    message: `the store has schema ${nextVersion}, this version knows ${nextVersion - 1}`,
  });
});

test('refuses what is no store', async (t) => {
  const folder = await temporaryFolder(t);
  const { open } = createOpening(t);
  await writeFile(join(folder, 'text.db'), 'sk-this-is-not-a-database '.repeat(100));
  const foreign = new DatabaseSync(join(folder, 'foreign.db'));
  foreign.exec('CREATE TABLE theirs (a)');
  foreign.close();
  for (const name of ['text.db', 'foreign.db']) {
    await assert.rejects(open(join(folder, name)), { code: 'store_failed' }, name);
  }
  await assert.rejects(open(folder), { code: 'store_failed', message: `cannot open the database ${folder} (EISDIR)` });
});

test('shows nothing of a row that it cannot read', async (t) => {
  const path = join(await temporaryFolder(t), 'store.db');
  const store = await createOpening(t).open(path);
  await store.write([put('team')], admin);
  const vandal = new DatabaseSync(path);
  vandal.exec(`UPDATE resources SET spec = '{"secret":"sk-in-the-row'`);
  vandal.close();
  await assert.rejects(store.getResource('consumer', 'team'), (error) => {
    assert.ok(error instanceof CredentialFlowError);
    assert.equal(error.code, 'store_failed');
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes('sk-in'));
    return true;
  });
});

test('says that the disk is full, keeps what it had, and goes on reading', async (t) => {
  const path = join(await temporaryFolder(t), 'store.db');
  // The closest to a full disk that every machine has: the same result code, from the same place.
  const tiny = { version: nextVersion, name: 'tiny', sql: 'PRAGMA max_page_count = 60' };
  const store = await createOpening(t).open(path, { migrations: [...migrations.sqlite, tiny] });
  await store.write([put('team')], admin);
  await assert.rejects(store.apply([many(2_000)], applyOptions()), { code: 'storage_full' });
  assert.equal((await store.identity()).revision, 1);
  assert.ok(await store.getResource('consumer', 'team'));
  assert.deepEqual((await store.listResources('consumer')).length, 1);
  await store.write([{ op: 'set_disabled', kind: 'consumer', id: 'team', disabled: true }], admin);
  assert.equal((await store.getResource('consumer', 'team'))?.disabled, true);
});

test('hands out a row that does not parse, to those who can set it apart, and the others as they are', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await createOpening(t).open(join(folder, 'store.db'));
  const since = await store.identity();
  await store.write([put('a'), put('b')], admin);
  const db = new DatabaseSync(join(folder, 'store.db'));
  db.exec(`UPDATE resources SET spec = '{"groups":[' WHERE id = 'a'`);
  db.close();
  const specs: unknown[] = [];
  for await (const chunk of (await store.readAll()).chunks) for (const { spec } of chunk) specs.push(spec);
  assert.deepEqual(specs, [null, put('b').spec]);
  const changed: unknown[] = [];
  for await (const chunk of (await store.readChanged(since, 10))?.chunks ?? []) {
    for (const { record } of chunk) changed.push(record?.spec);
  }
  assert.deepEqual(changed, [null, put('b').spec]);
  await store.write([put('a')], admin);
  assert.deepEqual((await store.getResource('consumer', 'a'))?.spec, put('a').spec);
});
