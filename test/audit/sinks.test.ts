import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { it, type TestContext } from 'node:test';
import { createAuditSink } from '../../sidecar/audit/index.ts';
import type { AuditSink } from '../../sidecar/core/ports.ts';

it('appends lines to a file that only its owner reads, in a folder of its own', async (t) => {
  const { sink, path } = await fileSink(t);
  await sink.write(lines('{"a":1}', '{"a":2}'));
  await sink.write(lines('{"a":3}'));
  assert.equal(await readFile(path, 'utf8'), '{"a":1}\n{"a":2}\n{"a":3}\n');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(path, '..'))).mode & 0o777, 0o700);
});

it('goes on in a file that is there, closes its rights, and ends the half line of a killed process', async (t) => {
  const { sink, path, folder } = await fileSink(t);
  await sink.write(lines('{"a":1}'));
  await sink.close();
  await writeFile(path, '{"a":1}\n{"a":', { mode: 0o644 });
  const next = createAuditSink('file', { path, maxFileBytes: 1_000, maxFiles: 2 }, { stdout: process.stdout });
  await next?.write(lines('{"a":2}'));
  await next?.close();
  assert.equal(await readFile(path, 'utf8'), '{"a":1}\n{"a":\n{"a":2}\n');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.ok(existsSync(folder));
});

it('rotates before a file grows too large, and keeps as many as it was told', async (t) => {
  const { sink, path } = await fileSink(t, { maxFileBytes: 20, maxFiles: 3 });
  for (let i = 0; i < 9; i++) await sink.write(lines(`{"n":${i}}`));
  assert.deepEqual((await readdir(join(path, '..'))).sort(), ['audit.log', 'audit.log.1', 'audit.log.2']);
  const kept = await Promise.all(['.2', '.1', ''].map((end) => readFile(`${path}${end}`, 'utf8')));
  assert.equal(kept.join(''), '{"n":4}\n{"n":5}\n{"n":6}\n{"n":7}\n{"n":8}\n');
  for (const file of kept) assert.ok(file.length <= 20);
});

it('keeps a single file where it may keep one', async (t) => {
  const { sink, path } = await fileSink(t, { maxFileBytes: 20, maxFiles: 1 });
  for (let i = 0; i < 5; i++) await sink.write(lines(`{"n":${i}}`));
  assert.deepEqual(await readdir(join(path, '..')), ['audit.log']);
  assert.equal(await readFile(path, 'utf8'), '{"n":4}\n');
});

it(
  'says that the disk is full, and writes again as soon as it is not',
  { skip: !existsSync('/dev/full') },
  async (t) => {
    const { sink, path, folder } = await fileSink(t);
    await sink.write(lines('{"n":0}'));
    await sink.close();
    await rm(path);
    await symlink('/dev/full', path);
    const { mode } = await stat('/dev/full');
    await assert.rejects(sink.write(lines('{"n":1}')), { code: 'ENOSPC' });
    assert.equal((await stat('/dev/full')).mode, mode, 'the rights of a device are not ours');
    await rm(path);
    await sink.write(lines('{"n":2}'));
    assert.equal(await readFile(path, 'utf8'), '{"n":2}\n');
    assert.ok(existsSync(folder));
  },
);

it('writes to a stream and tells when that fails, without ending the process', async () => {
  const written: string[] = [];
  let broken = false;
  const stdout = new Writable({
    autoDestroy: false,
    write(chunk: Buffer, _encoding, done) {
      if (broken) {
        done(new Error('EPIPE'));
        return;
      }
      written.push(chunk.toString());
      done();
    },
  });
  const sink = createAuditSink('stdout', { path: '', maxFileBytes: 1, maxFiles: 1 }, { stdout });
  await sink?.write(lines('{"a":1}', '{"a":2}'));
  assert.deepEqual(written, ['{"a":1}\n{"a":2}\n']);
  broken = true;
  await assert.rejects(async () => sink?.write(lines('{"a":3}')), { message: 'EPIPE' });
});

it('has no sink where nothing is to be recorded', () => {
  const none = createAuditSink('none', { path: '', maxFileBytes: 1, maxFiles: 1 }, { stdout: process.stdout });
  assert.equal(none, undefined);
});

function lines(...texts: readonly string[]): Uint8Array {
  return Buffer.from(texts.map((text) => `${text}\n`).join(''));
}

async function fileSink(
  t: TestContext,
  options: { readonly maxFileBytes?: number; readonly maxFiles?: number } = {},
): Promise<{ readonly sink: AuditSink; readonly path: string; readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'cf-audit-'));
  const path = join(folder, 'audit', 'audit.log');
  const sink = createAuditSink(
    'file',
    { path, maxFileBytes: 1_000, maxFiles: 3, ...options },
    { stdout: process.stdout },
  );
  assert.ok(sink);
  t.after(async () => {
    await sink.close();
    await rm(folder, { recursive: true });
  });
  return { sink, path, folder };
}
