import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inSlot, lockDataDir, readHolder } from '../../sidecar/stores/data-dir-lock.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from './open-sqlite.ts';

const deps = { clock: createFakeClock(Date.UTC(2026, 0, 2, 3, 4, 5)) };
const listeners = { admin: 'http://127.0.0.1:9281' };

async function startHolder(t: TestContext, dir: string) {
  const script = fileURLToPath(new URL('./hold-lock.process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

test('makes the directory for its owner only, and says who holds it', async (t) => {
  const dir = join(await temporaryFolder(t), 'deep/data');
  const lock = lockDataDir(dir, { command: 'credentialflow serve' }, deps);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  for (const name of ['lock.db', 'server.json']) assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600, name);
  const holder = { pid: process.pid, command: 'credentialflow serve', startedAt: '2026-01-02T03:04:05.000Z' };
  assert.deepEqual(readHolder(dir), holder);
  lock.update({ listeners });
  assert.deepEqual(readHolder(dir), { ...holder, listeners });
  lock.release();
  lock.release();
  assert.equal(readHolder(dir), undefined);
  assert.equal(existsSync(join(dir, 'server.json')), false);
});

test('refuses a second holder, in this process as well, until the first lets go', async (t) => {
  const dir = await temporaryFolder(t);
  const first = lockDataDir(dir, { command: 'credentialflow serve' }, deps);
  assert.throws(() => lockDataDir(dir, { command: 'credentialflow restore' }, deps), {
    code: 'data_dir_locked',
    message: `the data directory is held by pid ${process.pid} (credentialflow serve) since 2026-01-02T03:04:05.000Z`,
  });
  // Looking must not let go: closing any descriptor of a file drops a process's POSIX locks on it.
  readHolder(dir);
  assert.throws(() => lockDataDir(dir, { command: 'x' }, deps), { code: 'data_dir_locked' });
  first.release();
  lockDataDir(dir, { command: 'credentialflow restore' }, deps).release();
});

test('names the process that holds it, and is free once that process was killed', { timeout: 30_000 }, async (t) => {
  const dir = await temporaryFolder(t);
  const child = await startHolder(t, dir);
  assert.throws(() => lockDataDir(dir, { command: 'x' }, deps), {
    code: 'data_dir_locked',
    message: new RegExp(`held by pid ${child.pid ?? 0} \\(held by a test\\) since 2`),
  });
  assert.partialDeepStrictEqual(readHolder(dir), { pid: child.pid, listeners });

  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(join(dir, 'server.json')), 'the killed process left its file');
  assert.equal(readHolder(dir), undefined, 'a file without a lock counts');
  lockDataDir(dir, { command: 'x' }, deps).release();
});

test('gives each process that shares a directory a slot, the first free one', async (t) => {
  const dir = await temporaryFolder(t);
  const share = () => lockDataDir(dir, { command: 'credentialflow serve', shared: true }, deps);
  const [first, second, third] = [share(), share(), share()];
  assert.deepEqual([first.slot, second.slot, third.slot], [1, 2, 3]);
  for (const name of ['server.json', 'server-2.json', 'server-3.json']) assert.ok(existsSync(join(dir, name)), name);
  second.release();
  assert.equal(existsSync(join(dir, 'server-2.json')), false);
  const again = share();
  assert.equal(again.slot, 2);
  // Who wants the directory for itself must wait for all of them.
  first.release();
  again.release();
  assert.throws(() => lockDataDir(dir, { command: 'credentialflow restore' }, deps), { code: 'data_dir_locked' });
  third.release();
  lockDataDir(dir, { command: 'credentialflow restore' }, deps).release();
  assert.equal(inSlot('/a/decisions.log', 1), '/a/decisions.log');
  assert.equal(inSlot('/a/decisions.log', 2), '/a/decisions-2.log');
});

test('knows no holder of a directory that was never held', async (t) => {
  const dir = await temporaryFolder(t);
  assert.equal(readHolder(dir), undefined);
  assert.equal(readHolder(join(dir, 'missing')), undefined);
  assert.equal(existsSync(join(dir, 'lock.db')), false, 'looking made a file');
});
