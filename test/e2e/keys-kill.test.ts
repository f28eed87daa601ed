/** Master keys of a real sidecar: rotated while it serves, killed in the middle, retired, lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { startSidecar, type RunningSidecar } from '../support/sidecar.ts';

const secret = 'sk-the-secret-that-survives-its-keys';
const resources = `
upstreams:
  - { id: openai, preset: openai }
consumers:
  - { id: team, owner: team@example.com }
policies:
  - { id: all, effect: allow, consumers: [team], upstreams: [openai] }
`;
/** Several batches. */
const credentials = 230;

let dataDir = '';
let sidecar: RunningSidecar;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'cf-rotate-'));
});
afterEach(async () => {
  await sidecar.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  sidecar = await startSidecar({ dataDir, env: { CREDENTIALFLOW_DRAIN_TIMEOUT: '100ms' } });
}

async function restart(): Promise<void> {
  await sidecar.stop();
  await start();
}

async function prepare(ids: readonly string[]): Promise<string> {
  await start();
  const applied = await sidecar.cli(['apply', '-f', '-'], resources);
  assert.equal(applied.code, 0, applied.stderr);
  for (const id of ids) {
    const answer = await fetch(`${sidecar.urls.admin}/api/v1/credentials/${id}/secret`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${sidecar.keys.admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ secret, upstream: 'openai' }),
    });
    assert.ok(answer.ok, await answer.text());
  }
  return (await sidecar.issueToken('team')).token;
}

async function decide(token: string): Promise<{ readonly status: number; readonly authorization: string | null }> {
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
  return { status: response.status, authorization: response.headers.get('authorization') };
}

/** The snapshot follows within a moment. */
async function allows(token: string): Promise<void> {
  const answer = await decide(token);
  assert.deepEqual(answer, { status: 200, authorization: `Bearer ${secret}` });
}

test('one command rotates the key of an embedded sidecar while it serves; old tokens work through retirement and restarts', async () => {
  const oldToken = await prepare(['main']);
  await allows(oldToken);
  const denied: unknown[] = [];
  const over = new AbortController();
  const traffic = (async () => {
    while (!over.signal.aborted) {
      const answer = await decide(oldToken);
      if (answer.authorization !== `Bearer ${secret}`) denied.push(answer);
    }
  })();
  const rotated = await sidecar.json(['keys', 'rotate']);
  over.abort();
  await traffic;
  assert.deepEqual(denied, []);
  assert.partialDeepStrictEqual(rotated, { version: 'k2', made: true, rewrapped: 1, left: [], failed: [] });
  const newToken = (await sidecar.issueToken('team')).token;
  assert.match(newToken, /^cf_k2_/);
  for (const token of [oldToken, newToken]) await allows(token);
  assert.equal(statSync(join(dataDir, 'keys/master.key')).mode & 0o777, 0o600);

  await restart();
  for (const token of [oldToken, newToken]) await allows(token);
  const retired = await sidecar.cli(['keys', 'retire', 'k1']);
  assert.equal(retired.code, 0, retired.stderr);
  const ring = readFileSync(join(dataDir, 'keys/master.key'), 'utf8');
  assert.match(ring, /^k2:\S+\n$/);
  assert.equal(statSync(join(dataDir, 'keys/retired.key')).mode & 0o777, 0o600);
  for (const token of [oldToken, newToken]) await allows(token);

  await restart();
  for (const token of [oldToken, newToken]) await allows(token);
  const listed = await sidecar.cli(['keys', 'list']);
  assert.match(listed.stdout, /^k2 +current +yes +1 /m);
  assert.match(listed.stdout, /^k1 +retired +no +0 /m);
  const audit = (await sidecar.json(['audit', '--limit', '100'])) as { items: { action: string }[] };
  const actions = new Set(audit.items.map(({ action }) => action));
  for (const action of ['keys.rotate', 'keys.rewrap', 'keys.retire']) assert.ok(actions.has(action), action);
  for (const line of [...sidecar.logs, listed.stdout]) assert.ok(!line.includes(ring.slice(3, 20)), 'a key was shown');
});

test('a rotation whose sidecar is killed in the middle loses nothing and goes on', async () => {
  const ids = Array.from({ length: credentials }, (_, index) => `c${String(index).padStart(3, '0')}`);
  const token = await prepare(ids);
  // Killed by its own first sign of progress: somewhere in the batches that follow.
  const rotation = sidecar.cli(['keys', 'rotate']);
  const killed = once(sidecar.process, 'exit');
  for (let polls = 0; polls < 2_000; polls++) {
    const answer = await fetch(`${sidecar.urls.admin}/api/v1/keys`, {
      headers: { authorization: `Bearer ${sidecar.keys.admin}` },
    });
    const { current } = (await answer.json()) as { current: string };
    if (current === 'k2') break;
  }
  sidecar.process.kill('SIGKILL');
  await killed;
  const { code, stderr } = await rotation;
  // A quick machine may have finished.
  assert.ok(code === 0 || code === 3, stderr);
  await start();
  await allows(token);
  const again = await sidecar.json(['keys', 'rotate']);
  const listed = (await sidecar.json(['keys', 'list'])) as { versions: { version: string; sealed: number }[] };
  assert.equal(listed.versions.find(({ version }) => version === again['version'])?.sealed, credentials);
  if (code !== 0) assert.deepEqual([again['version'], again['made']], ['k2', false]);
  assert.deepEqual(await sidecar.json(['status']).then(({ problems }) => problems), []);
  await allows(token);
});

test('a sidecar whose ring lacks a key says which and does not start; recover gives up what is lost, tokens work on', async () => {
  const token = await prepare(['main', 'second']);
  await sidecar.json(['keys', 'rotate']);
  const ring = join(dataDir, 'keys/master.key');
  await sidecar.stop();
  const [, k1 = ''] = readFileSync(ring, 'utf8').split('\n');
  assert.match(k1, /^k1:/);
  writeFileSync(ring, `${k1}\n`);
  await assert.rejects(start(), /lacks the master key \\?"k2\\?": 2 sealed secrets need it[^]*credential\/main/);

  rmSync(ring);
  await assert.rejects(start(), /master key is missing[^]*keys recover/);
  const env = { CREDENTIALFLOW_DATA_DIR: dataDir };
  const told = await offline(['keys', 'recover'], env);
  assert.equal(told.code, 1, told.err);
  assert.match(
    told.out,
    /Lost: k1, k2 of the master key, and 2 secrets:\ncredential\/main \(sealed with k2, owner api\)/,
  );
  const given = await offline(['keys', 'recover', '--yes'], env);
  assert.equal(given.code, 0, given.err);
  assert.match(given.out, /Made a new master key, k3\.\nCleared 2 secrets/);
  assert.match((await offline(['keys', 'recover'], env)).out, /Nothing is lost/);

  await start();
  assert.equal((await decide(token)).status, 503);
  assert.equal((await sidecar.cli(['credential', 'set', 'main'], secret)).code, 0);
  for (let tries = 0; tries < 100 && (await decide(token)).status !== 200; tries++);
  await allows(token);
});

async function offline(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { runProgram } = await import('../../sidecar/cli/program.ts');
  const { createFakeTerminal } = await import('../cli/fake-terminal.ts');
  const terminal = createFakeTerminal({ cwd: dataDir, env });
  const code = await runProgram(args, terminal);
  return { code, ...terminal.written };
}
