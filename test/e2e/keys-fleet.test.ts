/** A master key's way through two sidecars on one PostgreSQL, in the order of docs/operations.md; then backup and restore. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from '../cli/fake-terminal.ts';
import { startPostgres, testPassword } from '../support/postgres.ts';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const secret = 'sk-the-secret-of-the-fleet';
const resources = `
upstreams:
  - { id: openai, preset: openai }
consumers:
  - { id: team, owner: team@example.com }
policies:
  - { id: all, effect: allow, consumers: [team], upstreams: [openai] }
`;
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const k1 = `k1:${key(1)}`;
const k2 = `k2:${key(2)}`;

const home = mkdtempSync(join(tmpdir(), 'cf-fleet-'));
const server = await startPostgres();
const url = await server.database();
const running = new Set<RunningSidecar>();
after(async () => {
  for (const sidecar of running) await sidecar.stop();
  await server.stop();
  rmSync(home, { recursive: true });
});

function environment(ring: string, store = url): Readonly<Record<string, string>> {
  return {
    CREDENTIALFLOW_STORE: store,
    CREDENTIALFLOW_MASTER_KEY: ring,
    CREDENTIALFLOW_GATEWAY_KEY: 'g'.repeat(40),
    CREDENTIALFLOW_LOG_KEY: 'l'.repeat(40),
    CREDENTIALFLOW_ADMIN_KEY: 'a'.repeat(40),
    CREDENTIALFLOW_DRAIN_TIMEOUT: '100ms',
  };
}

async function start(ring: string, store = url): Promise<RunningSidecar> {
  const sidecar = await startSidecar({ env: environment(ring, store) });
  running.add(sidecar);
  return sidecar;
}

async function stop(sidecar: RunningSidecar): Promise<void> {
  running.delete(sidecar);
  await sidecar.stop();
}

async function decide(sidecar: RunningSidecar, token: string): Promise<string | null> {
  const response = await fetch(`${sidecar.urls.data}/api/auth/openai`, {
    headers: {
      'x-cf-gateway-key': sidecar.keys.gateway,
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/openai/v1/chat/completions',
      'x-cf-raw-uri': '/openai/v1/chat/completions',
      authorization: `Bearer ${token}`,
    },
  });
  await response.text();
  return response.headers.get('authorization');
}

/** What one sidecar wrote, the other follows within a moment. */
async function allAllow(sidecars: readonly RunningSidecar[], ...tokens: readonly string[]): Promise<void> {
  for (const sidecar of sidecars) {
    for (const token of tokens) {
      for (let tries = 0; tries < 400 && (await decide(sidecar, token)) === null; tries++);
      assert.equal(await decide(sidecar, token), `Bearer ${secret}`);
    }
  }
}

async function offline(args: readonly string[], env: Readonly<Record<string, string>>) {
  const terminal = createFakeTerminal({ cwd: home, env: { CREDENTIALFLOW_DATA_DIR: join(home, 'none'), ...env } });
  const code = await runProgram(args, terminal);
  return { code, ...terminal.written };
}

test('a new key reaches a fleet in four steps, and no sidecar ever meets a value that it cannot open', async () => {
  let a = await start(k1);
  let b = await start(k1);
  assert.equal((await a.cli(['apply', '-f', '-'], resources)).code, 0);
  assert.equal((await a.cli(['credential', 'set', 'main', '--upstream', 'openai'], secret)).code, 0);
  assert.equal((await b.cli(['credential', 'set', 'second', '--upstream', 'openai'], secret)).code, 0);
  const old = (await a.issueToken('team')).token;
  await allAllow([a, b], old);

  const alone = await a.cli(['keys', 'rotate']);
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /must be given to each of them by you[^]*operations\.md/);
  // Step 1 left out.
  await assert.rejects(start(`${k2},${k1}`), /put it behind the present one on every sidecar/);

  // 1: known to all. One after the other; the one that has it beside one that has it not.
  await stop(a);
  a = await start(`${k1},${k2}`);
  await allAllow([a, b], old);
  await stop(b);
  b = await start(`${k1},${k2}`);
  // 2: current. Beside one where it is not.
  await stop(a);
  a = await start(`${k2},${k1}`);
  assert.equal((await a.cli(['credential', 'set', 'main'], secret)).code, 0);
  const fresh = (await a.issueToken('team')).token;
  assert.match(fresh, /^cf_k2_/);
  await allAllow([a, b], old, fresh);
  await stop(b);
  b = await start(`${k2},${k1}`);
  // Step 3 left out.
  const early = await a.cli(['keys', 'retire', 'k1', '--every-sidecar-has', 'k2']);
  assert.equal(early.code, 1);
  assert.match(early.stderr, /1 secrets are sealed[^]*credential\/second/);

  // 3: re-wrapped, on somebody's word.
  const unconfirmed = await b.cli(['keys', 'rewrap']);
  assert.equal(unconfirmed.code, 1);
  assert.match(unconfirmed.stderr, /--every-sidecar-has k2/);
  const rewrapped = await b.json(['keys', 'rewrap', '--every-sidecar-has', 'k2']);
  assert.deepEqual(rewrapped, { rewrapped: 1, left: [], failed: [] });
  await allAllow([a, b], old, fresh);
  // Step 4 left out.
  await assert.rejects(start(k2), /lacks the master key \\?"k1\\?"/);
  // 4: retired; then it may leave the rings.
  const retired = await b.cli(['keys', 'retire', 'k1', '--every-sidecar-has', 'k2']);
  assert.match(retired.stdout, /Remove it from CREDENTIALFLOW_MASTER_KEY/);
  await stop(a);
  a = await start(k2);
  await allAllow([a, b], old, fresh);
  await stop(b);
  b = await start(k2);
  await allAllow([a, b], old, fresh);
});

test('a backup of a fleet is restored into an empty PostgreSQL, or into a file, and nowhere else', async () => {
  const [sidecar] = running;
  assert.ok(sidecar);
  const file = join(home, 'fleet.backup');
  const report = await sidecar.json(['backup', '--to', file]);
  assert.equal(report['verified'], 'contents');
  const empty = await server.database();
  const before = (await sidecar.json(['status']))['store'] as { store_id: string; epoch: number };

  const full = await offline(['restore', file], environment(k2));
  assert.equal(full.code, 1);
  assert.match(full.err, /not empty/);
  const replaced = await offline(['restore', file, '--replace'], environment(k2));
  assert.equal(replaced.code, 1);
  assert.match(replaced.err, /name an empty database/);
  assert.deepEqual((await sidecar.json(['status']))['store'], before, 'nothing was changed');

  for (const store of [empty, `sqlite:${join(home, 'restored.db')}`]) {
    const restored = await offline(['restore', file, '--json'], environment(k2, store));
    assert.equal(restored.code, 0, restored.err);
    assert.ok(!`${restored.out}${restored.err}`.includes(testPassword));
    const another = await start(k2, store);
    const now = (await another.json(['status']))['store'] as { store_id: string; epoch: number };
    assert.equal(now.store_id, before.store_id);
    assert.ok(now.epoch > before.epoch);
    const { token } = await another.issueToken('team');
    await allAllow([another], token);
    await stop(another);
  }
});
