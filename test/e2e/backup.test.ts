/** Backup and restore of a real sidecar, from the command line. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from '../cli/fake-terminal.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const resources = `
upstreams:
  - { id: openai, preset: openai }
consumers:
  - { id: team, owner: team@example.com }
`;

describe('backup and restore', () => {
  const home = mkdtempSync(join(tmpdir(), 'cf-backup-'));
  const dataDir = join(home, 'data');
  const file = join(home, 'a.backup');
  let sidecar: RunningSidecar;
  let tokenId = '';
  const start = async (): Promise<void> => {
    sidecar = await startSidecar({ dataDir, env: { CREDENTIALFLOW_DRAIN_TIMEOUT: '100ms' } });
  };
  /** Offline, or against nothing. */
  const offline = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const terminal = createFakeTerminal({ cwd: home, env: { CREDENTIALFLOW_DATA_DIR: dataDir, ...env } });
    const code = await runProgram(args, terminal);
    return { code, ...terminal.written };
  };
  before(start);
  after(async () => {
    await sidecar.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it('takes a backup while it serves, verified, for the owner alone, with nothing in clear', async () => {
    assert.equal((await sidecar.cli(['apply', '-f', '-'], resources)).code, 0);
    const set = await sidecar.cli(['credential', 'set', 'main', '--upstream', 'openai'], 'sk-secret-in-the-backup');
    assert.equal(set.code, 0, set.stderr);
    tokenId = (await sidecar.issueToken('team')).id;
    const report = await sidecar.json(['backup', '--to', file]);
    assert.partialDeepStrictEqual(report, { file, key: 'k1', verified: 'contents', rows: { tokens: 1 } });
    assert.equal(report['bytes'], statSync(file).size);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const bytes = readFileSync(file);
    for (const word of ['openai', 'team@example.com', tokenId, 'sk-secret', sidecar.keys.master]) {
      assert.ok(!bytes.includes(word), word);
    }
    assert.ok((await sidecar.cli(['audit'])).stdout.includes('backup.take'));
    assert.deepEqual(readdirSync(home).sort(), ['a.backup', 'data']);
  });

  it('writes over nothing unasked, and leaves nothing of what failed', async () => {
    const again = await sidecar.cli(['backup', '--to', file]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /exists already/);
    assert.equal((await sidecar.cli(['backup', '--to', file, '--force'])).code, 0);
    const nowhere = await sidecar.cli(['backup', '--to', join(home, 'no/such/folder/b.backup')]);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /cannot be written/);
    const unreachable = await offline(['backup', '--to', 'c.backup', '--admin-url', 'http://127.0.0.1:1']);
    assert.equal(unreachable.code, 3, unreachable.err);
    assert.deepEqual(readdirSync(home).sort(), ['a.backup', 'data']);
  });

  it('verifies the checksum where the key is not', async () => {
    const { code, out, err } = await offline(['backup', '--to', 'd.backup', '--json'], {
      CREDENTIALFLOW_DATA_DIR: join(home, 'other-machine'),
      CREDENTIALFLOW_ADMIN_URL: sidecar.urls.admin,
      CREDENTIALFLOW_ADMIN_KEY: sidecar.keys.admin,
    });
    assert.equal(code, 0, err);
    assert.equal((JSON.parse(out) as Record<string, unknown>)['verified'], 'checksum');
  });

  it('refuses to restore under a running sidecar', async () => {
    const { code, err } = await offline(['restore', file, '--replace']);
    assert.equal(code, 1);
    assert.match(err, /held by pid/);
  });

  it('refuses what is damaged, of another key, or no backup, and changes nothing', async () => {
    await sidecar.json(['token', 'revoke', tokenId]);
    await sidecar.stop();
    const database = join(dataDir, 'credentialflow.db');
    const unchanged = readFileSync(database);
    const good = readFileSync(file);
    const altered = Buffer.from(good);
    altered.writeUInt8(altered.readUInt8(good.length - 100) ^ 1, good.length - 100);
    const cases = { cut: good.subarray(0, -50), altered, other: Buffer.from('not a backup\n') };
    for (const [name, bytes] of Object.entries(cases)) {
      writeFileSync(join(home, name), bytes);
      for (const more of [['--replace'], ['--dry-run']]) {
        const { code, err } = await offline(['restore', name, ...more]);
        assert.equal(code, 1, name);
        assert.match(err, /backup/, name);
      }
    }
    const otherKey = { CREDENTIALFLOW_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') };
    assert.match((await offline(['restore', file, '--replace'], otherKey)).err, /its key is another one/);
    const unversioned = { CREDENTIALFLOW_MASTER_KEY: `k5:${Buffer.alloc(32, 1).toString('base64')}` };
    assert.match((await offline(['restore', file, '--replace'], unversioned)).err, /needs the master key "k1"/);
    assert.match((await offline(['restore', file])).err, /not empty/);
    assert.match((await offline(['restore', 'nowhere'])).err, /there is no file/);
    assert.match((await offline(['restore', file, '--dry-run'])).out, /is sound/);
    assert.deepEqual(readFileSync(database), unchanged);
  });

  it('restores in the place of the store, keeps the old one, and starts with it', async () => {
    const { code, out, err } = await offline(['restore', file, '--replace', '--json']);
    assert.equal(code, 0, err);
    const report = JSON.parse(out) as { aside: string; epoch: number };
    assert.ok(statSync(report.aside).size > 0);
    await start();
    const status = (await sidecar.json(['status'])) as { store: { epoch: number }; problems: unknown[] };
    assert.equal(status.store.epoch, report.epoch);
    const listed = (await sidecar.json(['token', 'list'])) as { items: { id: string; state: string }[] };
    assert.deepEqual(
      listed.items.map(({ id, state }) => [id, state]),
      [[tokenId, 'active']],
    );
    assert.deepEqual(status.problems, []);
  });

  it('reads a backup of a key that was retired meanwhile, and says at the start what the ring lacks', async () => {
    await sidecar.json(['keys', 'rotate']);
    await sidecar.json(['keys', 'retire', 'k1']);
    await sidecar.stop();
    assert.equal((await offline(['restore', file, '--replace'])).code, 0);
    await assert.rejects(start(), /lacks the master key \\?"k1\\?"/);
    const keys = join(dataDir, 'keys');
    const retired = readFileSync(join(keys, 'retired.key'), 'utf8').trim();
    const current = readFileSync(join(keys, 'master.key'), 'utf8').trim();
    writeFileSync(join(keys, 'new'), `${current}\n${retired}\n`, { mode: 0o600 });
    renameSync(join(keys, 'new'), join(keys, 'master.key'));
    await start();
    assert.deepEqual(((await sidecar.json(['status'])) as { problems: unknown[] }).problems, []);
  });
});
