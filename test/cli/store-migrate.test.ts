import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import type { Store } from '../../sidecar/core/ports.ts';
import { lockDataDir } from '../../sidecar/stores/data-dir-lock.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { admin, applyOptions, many, put, putToken } from '../contract/store/samples.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const clock = createFakeClock();
let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'cf-migrate-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true });
});

async function withStore<T>(path: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(`sqlite:${join(cwd, path)}`, {}, { clock, log: recordingLog() });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function migrate(...args: readonly string[]) {
  const terminal = createFakeTerminal({ cwd, env: { CREDENTIALFLOW_DATA_DIR: join(cwd, 'data') } });
  const code = await runProgram(['store', 'migrate', ...args], terminal);
  return { code, ...terminal.written };
}

describe('store migrate', () => {
  beforeEach(async () => {
    await withStore('data/credentialflow.db', async (store) => {
      await store.apply([many(600)], applyOptions());
      await store.write([put('team'), putToken('t')], admin);
    });
  });

  it('copies the configured store into an empty one, shows progress, verifies, and can be read by programs', async () => {
    const source = await withStore('data/credentialflow.db', (store) => store.identity());
    const { code, out, err } = await migrate('--to', 'sqlite:other/store.db', '--json');
    assert.equal(code, 0, err);
    const report = JSON.parse(out) as Record<string, unknown>;
    assert.partialDeepStrictEqual(report, {
      from: `sqlite:${join(cwd, 'data/credentialflow.db')}`,
      to: `sqlite:${join(cwd, 'other/store.db')}`,
      store_id: source.storeId,
      revision: source.revision,
      rows: { resources: 601, tokens: 1, tombstones: 0 },
      verified: true,
    });
    assert.match(err, /copying resources\n[^]*verifying resources\n/);
    await withStore('other/store.db', async (store) => {
      const identity = await store.identity();
      assert.ok(identity.epoch > source.epoch);
      assert.deepEqual(report['epoch'], identity.epoch);
      assert.ok(await store.getToken('tok_t'));
    });
    assert.deepEqual(await withStore('data/credentialflow.db', (store) => store.identity()), source);
    assert.ok(!existsSync(join(cwd, 'other/lock.db')), 'the new directory does not look like a data directory');
  });

  it('says in words what it did and what comes next', async () => {
    writeFileSync(join(cwd, 'url'), 'sqlite:b.db\n');
    const { code, out, err } = await migrate('--from', 'sqlite:data/credentialflow.db', '--to', '@url');
    assert.equal(code, 0, err);
    assert.match(out, /Copied .*resources 601, tokens 1/);
    assert.match(out, /CREDENTIALFLOW_STORE/);
  });

  it('refuses a target that is not empty, a store as its own target, and its second run', async () => {
    await withStore('full.db', (store) => store.write([put('a')], admin));
    const full = await migrate('--to', 'sqlite:full.db');
    assert.equal(full.code, 1);
    assert.match(full.err, /not empty/);
    await withStore('full.db', async (store) => assert.equal((await store.identity()).revision, 1));

    const same = await migrate('--to', 'sqlite:data/credentialflow.db');
    assert.equal(same.code, 1);
    assert.match(same.err, /the store itself/);

    assert.equal((await migrate('--to', 'sqlite:twice.db')).code, 0);
    const twice = await migrate('--to', 'sqlite:twice.db');
    assert.equal(twice.code, 1);
    assert.match(twice.err, /holds a copy of it already/);
  });

  it('refuses what is no store, and makes no source', async () => {
    const unknown = await migrate('--to', 'mongodb://u:hunter2@h/db');
    assert.equal(unknown.code, 4);
    assert.ok(!unknown.err.includes('hunter2'));
    const missing = await migrate('--from', 'sqlite:nowhere.db', '--to', 'sqlite:new.db');
    assert.equal(missing.code, 1);
    assert.match(missing.err, /no database at .*nowhere\.db/);
    assert.ok(!existsSync(join(cwd, 'nowhere.db')));
    assert.equal((await migrate('--from', 'sqlite:data/credentialflow.db')).code, 2);
    const unreadable = await migrate('--to', '@no-such-file');
    assert.match(unreadable.err, /no-such-file does not exist/);
  });

  it('refuses while a sidecar holds the data directory of either store, and names it', async () => {
    mkdirSync(join(cwd, 'target'));
    for (const dir of ['data', 'target']) {
      const lock = lockDataDir(join(cwd, dir), { command: 'credentialflow serve' }, { clock });
      try {
        const { code, err } = await migrate('--to', 'sqlite:target/store.db');
        assert.equal(code, 1, dir);
        assert.match(err, /held by pid \d+ \(credentialflow serve\)/);
        assert.ok(!existsSync(join(cwd, 'target/store.db')));
      } finally {
        lock.release();
      }
    }
  });
});
