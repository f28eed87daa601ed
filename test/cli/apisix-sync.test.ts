import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { startAdminStandIn } from '../gateway/admin-api.ts';
import type { AdminStandIn, StoredRoute } from '../gateway/admin-api.ts';
import { elaborate } from '../gateway/render/support.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-sync-'));
after(() => rmSync(home, { recursive: true, force: true }));

const three = 'upstreams: [{ id: a, preset: openai }, { id: b, preset: gemini }, { id: c, preset: mistral }]\n';
const ids = ['a', 'b', 'c', 'credentialflow-token-self'];
const foreign = { id: 'legacy', uri: '/legacy/*', upstream: { nodes: { 'legacy:80': 1 }, type: 'roundrobin' } };

let count = 0;
let cwd = home;
let gateway: AdminStandIn;
beforeEach(async () => {
  cwd = join(home, String(++count));
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'r.yaml'), three);
  gateway = await startAdminStandIn();
});
afterEach(() => gateway.stop());

async function run(command: 'diff' | 'sync', ...args: readonly string[]) {
  const env = { APISIX_ADMIN_KEY: gateway.key, APISIX_ADMIN_URL: gateway.url };
  const terminal = createFakeTerminal({ cwd, env });
  const code = await runProgram(['apisix', command, '-f', 'r.yaml', ...args], terminal);
  assert.ok(!(terminal.written.out + terminal.written.err).includes(gateway.key), 'the key is nowhere');
  return { code, ...terminal.written };
}

const writes = (): readonly string[] => gateway.calls.filter((call) => /^(PUT|DELETE)/.test(call));
const state = (): string => JSON.stringify([...gateway.routes].map(([id, route]) => [id, withoutTimes(route)]).sort());
const withoutTimes = ({ create_time: _, update_time: __, ...route }: StoredRoute): StoredRoute => route;
const tamper = (id: string, change: (route: Record<string, Record<string, object>>) => unknown): void => {
  const route = structuredClone(gateway.routes.get(id)) as Record<string, Record<string, object>>;
  change(route);
  gateway.routes.set(id, route);
};

describe('apisix sync', () => {
  it('makes the routes, after asking whether each would be taken; then is in step and writes no more', async () => {
    const { code, out } = await run('sync', '--yes', '--json');
    assert.equal(code, 0);
    assert.deepEqual((JSON.parse(out) as { readonly added: unknown }).added, ids);
    assert.deepEqual([...gateway.routes.keys()], ids);
    const firstWrite = gateway.calls.findIndex((call) => call.startsWith('PUT'));
    assert.equal(gateway.calls.slice(0, firstWrite).filter((call) => call.startsWith('POST /schema')).length, 4);
    gateway.calls.length = 0;
    assert.equal((await run('diff')).code, 0);
    assert.match((await run('sync', '--yes')).out, /in step/);
    assert.deepEqual(writes(), []);
  });
  it('is in step after it with every wish that a resource can have', async () => {
    writeFileSync(join(cwd, 'r.yaml'), elaborate);
    assert.equal((await run('sync', '--yes')).code, 0);
    const { code, out } = await run('diff');
    assert.equal(code, 0, out);
  });
  it('changes, removes and adds what is ours, and leaves every other route alone', async () => {
    gateway.routes.set('legacy', foreign);
    await run('sync', '--yes');
    writeFileSync(
      join(cwd, 'r.yaml'),
      'upstreams: [{ id: a, preset: openai, prefix: /other }, { id: d, preset: mistral }]\n',
    );
    const { code, out } = await run('sync', '--yes', '--json');
    assert.equal(code, 0);
    const { added, changed, removed } = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual([added, removed], [['d'], ['b', 'c']]);
    assert.deepEqual(changed, [{ id: 'a', differences: ['plugins.proxy-rewrite.regex_uri', 'uri'] }]);
    assert.deepEqual([...gateway.routes.keys()].sort(), ['a', 'credentialflow-token-self', 'd', 'legacy']);
    assert.deepEqual(gateway.routes.get('legacy'), foreign);
  });
  it('refuses what lint calls an error, before the gateway is asked anything', async () => {
    writeFileSync(join(cwd, 'r.yaml'), 'upstreams: [{ id: a, preset: generic, base_url: "http://api.example.com" }]\n');
    const { code, err } = await run('sync', '--yes');
    assert.equal(code, 4);
    assert.match(err, /upstream-plain-http/);
    assert.deepEqual(writes(), []);
  });
  it('puts back what somebody changed by hand', async () => {
    await run('sync', '--yes');
    const before = state();
    tamper('b', (route) => Object.assign(route['plugins']?.['forward-auth'] ?? {}, { allow_degradation: true }));
    const { code, out } = await run('diff');
    assert.equal(code, 5);
    assert.match(out, /~ +change +b +plugins\.forward-auth\.allow_degradation/);
    await run('sync', '--yes');
    assert.equal(state(), before);
  });
  it('refuses where a route of that id is not ours, and changes nothing', async () => {
    gateway.routes.set('b', { ...foreign, id: 'b' });
    const { code, err } = await run('sync', '--yes');
    assert.equal(code, 1);
    assert.match(err, /route b is not ours/);
    assert.deepEqual(writes(), []);
    assert.equal((await run('diff')).code, 5);
  });
  it('warns of a foreign route that has the path of one of ours', async () => {
    gateway.routes.set('legacy', { ...foreign, uri: '/a/*' });
    for (const command of ['diff', 'sync'] as const) {
      assert.match((await run(command, ...(command === 'sync' ? ['--yes'] : []))).err, /legacy.*has the path of a/);
    }
  });
  it('changes nothing with --dry-run, nor without a terminal to ask at', async () => {
    const dry = await run('sync', '--dry-run');
    assert.equal(dry.code, 0);
    assert.match(dry.out, /4 to add.*\nNothing was changed/s);
    const { code, err } = await run('sync');
    assert.equal(code, 2);
    assert.match(err, /--yes/);
    assert.deepEqual(writes(), []);
  });
});

describe('apisix sync, when the gateway', () => {
  const change = (): void =>
    writeFileSync(
      join(cwd, 'r.yaml'),
      'upstreams: [{ id: new, preset: openai }, { id: a, preset: openai, prefix: /other }, { id: b, preset: gemini, prefix: /more }]\n',
    );
  beforeEach(async () => {
    await run('sync', '--yes');
    gateway.calls.length = 0;
    change();
  });

  it('would not take a route, writes nothing', async () => {
    gateway.fault = (method) => (method === 'POST' ? 400 : undefined);
    const before = state();
    const { code, err } = await run('sync', '--yes');
    assert.equal(code, 1);
    assert.match(err, /would not take route new: 400: a fault of the test/);
    assert.deepEqual([writes(), state()], [[], before]);
  });
  for (const [name, fault] of [
    [
      'refuses the last of the changes',
      (method: string, path: string) => (method === 'PUT' && path === '/routes/b' ? 400 : undefined),
    ],
    [
      'hangs up after a change that it did',
      (() => {
        let hungUp = false;
        return (method: string, path: string) => {
          if (hungUp || method !== 'PUT' || path !== '/routes/b') return undefined;
          hungUp = true;
          return 'hang-up' as const;
        };
      })(),
    ],
    [
      'refuses a removal',
      (method: string, path: string) => (method === 'DELETE' && path === '/routes/c' ? 503 : undefined),
    ],
  ] as const) {
    it(`${name}, takes back what was done`, async () => {
      const before = state();
      gateway.fault = fault;
      const { code, err } = await run('sync', '--yes');
      assert.equal(code, 1, err);
      assert.match(err, /taken back: /);
      assert.ok(writes().length > 1, 'something had been done');
      assert.equal(state(), before);
    });
  }
  it('lets nothing be put back, names what the operator must look at', async () => {
    let refusing = false;
    gateway.fault = (method, path) => {
      if (method === 'PUT' && path === '/routes/b') refusing = true;
      return refusing && method !== 'GET' ? 503 : undefined;
    };
    const { code, err } = await run('sync', '--yes');
    assert.equal(code, 1);
    assert.match(err, /route a could not be put back/);
    assert.match(err, /route new could not be put back/);
  });
  it('was changed by somebody else between plan and step, stops there', async () => {
    const before = state();
    gateway.fault = (method, path) => {
      if (method === 'GET' && path === '/routes/b') tamper('b', (route) => Object.assign(route, { desc: 'mine' }));
      return undefined;
    };
    const { code, err } = await run('sync', '--yes');
    assert.equal(code, 1);
    assert.match(err, /route b: it was changed by somebody else/);
    gateway.fault = undefined;
    tamper('b', (route) => delete route['desc']);
    assert.equal(state(), before);
  });
});

describe('the gateway', () => {
  it('that refuses the key is a failure that says what to compare', async () => {
    const terminal = createFakeTerminal({ cwd, env: { APISIX_ADMIN_KEY: 'another-key' } });
    const code = await runProgram(['apisix', 'diff', '-f', 'r.yaml', '--admin', gateway.url], terminal);
    assert.equal(code, 1);
    assert.match(terminal.written.err, /401: failed to check token/);
    assert.match(terminal.written.err, /fix: compare APISIX_ADMIN_KEY/);
    assert.doesNotMatch(terminal.written.err, /another-key/);
  });
  it('may have its key in a file', async () => {
    writeFileSync(join(cwd, 'key'), `${gateway.key}\n`);
    const terminal = createFakeTerminal({ cwd });
    const args = [
      'apisix',
      'diff',
      '-f',
      'r.yaml',
      '--admin',
      `${gateway.url}/apisix/admin/`,
      '--admin-key-file',
      'key',
    ];
    assert.equal(await runProgram(args, terminal), 5, terminal.written.err);
  });
  it('that is away is exit code 3', async () => {
    assert.equal((await run('diff', '--admin', 'http://127.0.0.1:1')).code, 3);
  });
  for (const [name, args, env] of [
    ['no gateway', [], { APISIX_ADMIN_KEY: 'k' }],
    ['no key', ['--admin', 'http://127.0.0.1:1'], {}],
    ['a key in the address', ['--admin', 'http://u:p@127.0.0.1:1'], { APISIX_ADMIN_KEY: 'k' }],
    ['two gateways', ['--admin', 'http://127.0.0.1:1', '--file', 'x'], { APISIX_ADMIN_KEY: 'k' }],
    ['a watch that asks', ['--watch', '--file', 'x'], {}],
    ['a watch of no time', ['--watch', '--yes', '--file', 'x', '--interval', '0s'], {}],
  ] as const) {
    it(`${name} is wrong usage`, async () => {
      const terminal = createFakeTerminal({ cwd, env });
      assert.equal(await runProgram(['apisix', 'sync', '-f', 'r.yaml', ...args], terminal), 2, terminal.written.err);
    });
  }
});

describe('the script of apisix render --format admin-api', { skip: !existsSync('/usr/bin/curl') && 'no curl' }, () => {
  const runScript = async (key: string): Promise<{ readonly code: number | null; readonly said: string }> => {
    const terminal = createFakeTerminal({ cwd });
    await runProgram(['apisix', 'render', '-f', 'r.yaml', '--format', 'admin-api'], terminal);
    writeFileSync(join(cwd, 'routes.sh'), terminal.written.out);
    const env = { PATH: process.env['PATH'], APISIX_ADMIN_KEY: key, APISIX_ADMIN_URL: gateway.url };
    const child = spawn('sh', ['routes.sh'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, said };
  };

  it('does what sync does', async () => {
    const { code, said } = await runScript(gateway.key);
    assert.equal(code, 0, said);
    assert.match(said, /4 routes are in place/);
    assert.equal((await run('diff')).code, 0);
  });
  it('stops at the first refusal, before anything is written', async () => {
    const { code, said } = await runScript('another-key');
    assert.notEqual(code, 0);
    assert.match(said, /failed to check token/);
    assert.doesNotMatch(said, /another-key|in place/);
    gateway.fault = (method) => (method === 'POST' ? 400 : undefined);
    assert.match((await runScript(gateway.key)).said, /a fault of the test/);
    assert.deepEqual(writes(), []);
  });
});

describe('apisix sync --file', () => {
  it('writes what render writes, and then is in step', async () => {
    assert.equal((await run('diff', '--file', 'apisix.yaml')).code, 5);
    assert.equal((await run('sync', '--file', 'apisix.yaml', '--yes')).code, 0);
    const terminal = createFakeTerminal({ cwd });
    await runProgram(['apisix', 'render', '-f', 'r.yaml'], terminal);
    assert.equal(readFileSync(join(cwd, 'apisix.yaml'), 'utf8'), terminal.written.out);
    assert.equal((await run('diff', '--file', 'apisix.yaml')).code, 0);
    assert.deepEqual(gateway.calls, []);
  });
  for (const [name, text, message] of [
    ['a route that is not ours', 'routes: [{ id: legacy, uri: /legacy }]\n#END\n', /route legacy.*not ours/],
    ['something else', 'routes: []\nglobal_rules: [{ id: 1 }]\n#END\n', /global_rules/],
    ['no YAML', '{{{', /no apisix\.yaml/],
  ] as const) {
    it(`does not replace a file that holds ${name}`, async () => {
      writeFileSync(join(cwd, 'apisix.yaml'), text);
      const { code, err } = await run('sync', '--file', 'apisix.yaml', '--yes');
      assert.equal(code, 1);
      assert.match(err, message);
      assert.equal(readFileSync(join(cwd, 'apisix.yaml'), 'utf8'), text);
    });
  }
  it('changes nothing with --dry-run', async () => {
    assert.equal((await run('sync', '--file', 'apisix.yaml', '--dry-run')).code, 0);
    assert.ok(!existsSync(join(cwd, 'apisix.yaml')));
  });
});

describe('apisix sync --watch', () => {
  it('follows the resources, undoes what others do, outlives a mistake, and ends with a signal', async () => {
    const bin = join(import.meta.dirname, '../../bin/credentialflow.js');
    const args = [bin, 'apisix', 'sync', '-f', 'r.yaml', '--yes', '--watch', '--interval', '1s'];
    const env = { PATH: process.env['PATH'], APISIX_ADMIN_KEY: gateway.key, APISIX_ADMIN_URL: gateway.url };
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    try {
      await until('the first routes', () => gateway.routes.size === 4);
      writeFileSync(join(cwd, 'r.yaml'), three.replace('{ id: b, preset: gemini }, ', ''));
      await until('the removal', () => !gateway.routes.has('b'));
      gateway.routes.delete('a');
      await until('the lost route', () => gateway.routes.has('a'));
      writeFileSync(join(cwd, 'r.yaml'), 'upstreams: [{ id: a, preset: nonesuch }]\n');
      await until('the mistake', () => /not a known preset/.test(said));
      assert.equal(gateway.routes.size, 3, 'a mistake changes nothing');
      writeFileSync(join(cwd, 'r.yaml'), three);
      await until('the correction', () => gateway.routes.has('b'));
      child.kill('SIGTERM');
      assert.deepEqual(await once(child, 'exit'), [0, null], said);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`${what} did not come within a minute`);
}
