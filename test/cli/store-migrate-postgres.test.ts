import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import type { Store } from '../../sidecar/core/ports.ts';
import { systemClock as clock } from '../../sidecar/ops/clock.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { digestCopy } from '../../sidecar/stores/transfer.ts';
import { admin, applyOptions, hashOf, many, put, putToken } from '../contract/store/samples.ts';
import { startPostgres, testPassword } from '../support/postgres.ts';
import { recordingLog } from '../support/recording-log.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const server = await startPostgres();
const cwd = mkdtempSync(join(tmpdir(), 'cf-migrate-'));
after(async () => {
  await server.stop();
  rmSync(cwd, { recursive: true });
});

async function withStore<T>(url: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(url, {}, { clock, log: recordingLog() });
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

const sqlite = `sqlite:${join(cwd, 'data/credentialflow.db')}`;

test('copies a SQLite store into PostgreSQL and back: the same rows, verified', async () => {
  await withStore(sqlite, async (store) => {
    await store.apply([many(1_200)], applyOptions());
    await store.write([put('Ünit'), putToken('t'), putToken('dead')], admin);
    await store.write([{ op: 'revoke_token', id: 'tok_dead', atMs: 77 }], admin);
    await store.setMeta('key', 'value');
  });
  const before = await withStore(sqlite, async (store) => digestCopy(await store.dump()));
  const url = await server.database('schema=credentialflow');
  writeFileSync(join(cwd, 'url'), `${url}\n`);

  const there = await migrate('--from', sqlite, '--to', '@url', '--json');
  assert.equal(there.code, 0, there.err);
  assert.ok(!`${there.out}${there.err}`.includes(testPassword));
  const report = JSON.parse(there.out) as Record<string, unknown>;
  assert.partialDeepStrictEqual(report, {
    verified: true,
    digest: before.digest,
    rows: { resources: 1_201, tokens: 2 },
  });
  await withStore(url, async (store) => {
    assert.equal((await store.findToken(hashOf('dead'))).token?.revokedAtMs, 77);
    assert.ok((await store.write([put('later')], admin)).revision > Number(report['revision']));
    await store.write([{ op: 'delete', kind: 'consumer', id: 'later', owner: 'api' }], admin);
  });

  const back = await migrate('--from', '@url', '--to', 'sqlite:back.db');
  assert.equal(back.code, 0, back.err);
  await withStore(`sqlite:${join(cwd, 'back.db')}`, async (store) => {
    assert.equal((await store.listResources('consumer', { limit: 1_000 })).length, 1_000);
    assert.equal((await store.getToken('tok_dead'))?.revokedAtMs, 77);
  });
});

test('refuses a PostgreSQL that is not empty, has no store, or is not there', async () => {
  const full = await server.database();
  await withStore(full, (store) => store.write([put('a')], admin));
  const notEmpty = await migrate('--from', sqlite, '--to', full);
  assert.equal(notEmpty.code, 1);
  assert.match(notEmpty.err, /not empty/);

  const none = await migrate('--from', await server.database(), '--to', 'sqlite:new.db');
  assert.equal(none.code, 1);
  assert.match(none.err, /there is no store in the schema public of this database/);

  const away = new URL(full);
  away.port = '1';
  const refused = await migrate('--from', sqlite, '--to', away.href);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /connection refused/);
  for (const { err } of [notEmpty, none, refused]) assert.ok(!err.includes(testPassword));
});
