import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { createTagCheck } from '../../sidecar/token-validators/opaque-token.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-cli-'));
after(() => rmSync(home, { recursive: true, force: true }));

let count = 0;
let cwd = home;
beforeEach(() => {
  cwd = join(home, String(++count));
  mkdirSync(cwd);
});

async function run(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string } = {},
) {
  const terminal = createFakeTerminal({ cwd, ...options });
  const code = await runProgram(args, terminal);
  return { code, ...terminal.written };
}

describe('wrong usage', () => {
  for (const [name, args, hint] of [
    ['no command', [], /command is missing/],
    ['an unknown command', ['aply'], /apply/],
    ['an unknown option', ['apply', '-f', 'x', '--dryrun'], /--dry-run/],
    ['a missing option', ['token', 'issue'], /--consumer/],
    ['a missing argument', ['get'], /kind/],
    ['a group of commands alone', ['token'], /credentialflow token --help/],
    ['an unknown kind', ['get', 'tokenz'], /tokenz/],
    ['tokens, which are no kind', ['get', 'tokens'], /token list/],
    ['a word in the place of an id', ['token', 'rotate', 'mine'], /token list/],
    ['prune without a source', ['apply', '-f', 'x', '--prune'], /--source/],
    ['an address that is none', ['status', '--admin-url', 'ftp://x'], /ftp/],
    ['a decision and a request', ['explain', '--consumer', 'a', '--scope', 'p1', 'p2'], /p2.*repeat/s],
    ['a word too many', ['version', 'please'], /too many arguments/i],
  ] as const) {
    it(`${name} exits 2 and says so in two lines`, async () => {
      const { code, out, err } = await run(args);
      assert.equal(code, 2, err);
      assert.equal(out, '');
      assert.match(err, hint);
      assert.match(err, /^error: /);
      assert.ok(err.trimEnd().split('\n').length <= 2, err);
      assert.ok(!/^\s+at /m.test(err), 'no stack');
    });
  }

  it('does not send a token that stands in the place of its id, and says which id that is', async () => {
    const token = `cf_k1_${'a'.repeat(43)}`;
    for (const command of ['revoke', 'rotate']) {
      const { code, err } = await run(['token', command, token]);
      assert.equal(code, 2, err);
      assert.ok(err.includes(`tok_${hash('sha256', token).slice(0, 24)}`), err);
      assert.ok(!err.includes(token), 'the token is repeated');
    }
  });

  it('says why a file cannot be read', async () => {
    const env = { CREDENTIALFLOW_ADMIN_KEY: 'a'.repeat(40), CREDENTIALFLOW_ADMIN_URL: 'http://127.0.0.1:1' };
    for (const [file, why] of [
      ['missing.yaml', 'does not exist'],
      ['.', 'is a directory'],
    ] as const) {
      const { code, err } = await run(['apply', '-f', file], { env });
      assert.equal(code, 1, err);
      assert.equal(err, `error: ${file} ${why}\nfix: look at its name and its permissions\n`);
    }
  });

  it('is JSON on stderr with --json', async () => {
    const { code, out, err } = await run(['token', 'issue', '--json']);
    assert.equal(code, 2);
    assert.equal(out, '');
    const { error } = JSON.parse(err) as { error: Record<string, unknown> };
    assert.equal(error['code'], 'usage');
    assert.equal(error['exit_code'], 2);
  });
});

describe('a sidecar that is not there', () => {
  const env = {
    CREDENTIALFLOW_ADMIN_URL: 'http://127.0.0.1:1',
    CREDENTIALFLOW_ADMIN_KEY: 'a'.repeat(40),
  };
  for (const args of [['status'], ['get', 'upstreams'], ['token', 'list'], ['health', '--url', '127.0.0.1:1']]) {
    it(`makes ${args.join(' ')} exit 3 and say how to start it`, async () => {
      const { code, err } = await run(args, { env });
      assert.equal(code, 3, err);
      assert.match(err, /cannot be reached/);
      assert.match(err, /credentialflow serve/);
      assert.ok(!err.includes('aaaa'), 'no key');
    });
  }

  it('is asked for nothing when there is no admin key', async () => {
    const { code, err } = await run(['status'], { env: { CREDENTIALFLOW_ADMIN_URL: 'http://127.0.0.1:1' } });
    assert.equal(code, 1);
    assert.match(err, /admin key/);
  });

  it('is warned about when the key would travel in clear', async () => {
    const remote = { ...env, CREDENTIALFLOW_ADMIN_URL: 'http://sidecar.invalid:1' };
    assert.match((await run(['status'], { env: remote })).err, /in clear/);
    assert.ok(!(await run(['status'], { env })).err.includes('in clear'));
  });

  it('shows a stack for CREDENTIALFLOW_DEBUG=1 only, and never the key', async () => {
    const { err } = await run(['status'], { env: { ...env, CREDENTIALFLOW_DEBUG: '1' } });
    assert.match(err, /^\s+at /m);
    assert.ok(!err.includes('aaaa'));
  });
});

describe('init and check', () => {
  it('finds what is wrong with the url of a cache, and does not repeat it', async () => {
    const env = { CREDENTIALFLOW_CACHE: 'redis-cluster://:hunter2@h1,h2/3' };
    const { code, out, err } = await run(['check'], { env });
    assert.equal(code, 4);
    assert.match(out + err, /a cluster has only number 0/);
    assert.doesNotMatch(out + err, /hunter2/);
  });

  it('finds what is wrong with the url of a store, and does not repeat it', async () => {
    const env = { CREDENTIALFLOW_STORE: 'postgres://cf:hunter2@h/d?pool_max=x' };
    const { code, out, err } = await run(['check'], { env });
    assert.equal(code, 4);
    assert.match(out + err, /pool_max is a whole number from 2 to 200/);
    assert.doesNotMatch(out + err, /hunter2/);
  });

  it('writes files that check finds valid, and writes over nothing', async () => {
    const first = await run(['init']);
    assert.equal(first.code, 0, first.err);
    const checked = await run(['check']);
    assert.equal(checked.code, 0, checked.out + checked.err);
    assert.match(checked.out, /credentialflow\.yaml, resources\.yaml: no problems/);

    writeFileSync(join(cwd, 'resources.yaml'), 'mine: true\n');
    const again = await run(['init']);
    assert.equal(again.code, 1);
    assert.match(again.err, /--force/);
    assert.equal(readFileSync(join(cwd, 'resources.yaml'), 'utf8'), 'mine: true\n');
    assert.equal((await run(['init', '--force'])).code, 0);
    assert.notEqual(readFileSync(join(cwd, 'resources.yaml'), 'utf8'), 'mine: true\n');
    assert.equal((await run(['init', '--dir', 'deep/er'])).code, 0);
    assert.ok(existsSync(join(cwd, 'deep/er/credentialflow.yaml')));
  });

  it('finds every problem of both files at once, with its place', async () => {
    writeFileSync(join(cwd, 'credentialflow.yaml'), 'listne: {}\nchanges:\n  poll: 5\n');
    writeFileSync(
      join(cwd, 'a.yaml'),
      'consumers:\n  - id: a\n    gruops: [x]\nupstreams:\n  - id: u\n    preset: nope\n',
    );
    const { code, out } = await run(['check', 'a.yaml', 'missing.yaml']);
    assert.equal(code, 4);
    for (const place of [
      /^credentialflow\.yaml:1:1 listne: /m,
      /^credentialflow\.yaml:3:9 changes\.poll: /m,
      /^a\.yaml:3:5 .*gruops/m,
      /^a\.yaml:6:13 .*preset/m,
      /^missing\.yaml: the file does not exist$/m,
    ]) {
      assert.match(out, place);
    }
    const json = await run(['check', 'a.yaml', '--json']);
    assert.equal(json.code, 4);
    const answer = JSON.parse(json.out) as { ok: boolean; problems: { file: string; line: number }[] };
    assert.equal(answer.ok, false);
    assert.ok(answer.problems.some(({ file, line }) => file === 'a.yaml' && line === 3));
  });

  it('names the configuration that it could not read, and not the defaults', async () => {
    const { code, out } = await run(['check', '--config', 'missing.yaml']);
    assert.equal(code, 4);
    assert.match(out, /^missing\.yaml: .*does not exist/m);
    assert.match(out, /^Checked missing\.yaml: 1 error, 0 warnings\.$/m);
  });

  it('refuses a token of a file that outlives tokens.max_ttl, with its place', async () => {
    const until = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const entry = (name: string, days: number) =>
      `  - { consumer: team, sha256: "${hash('sha256', name)}", expires_at: "${until(days)}" }\n`;
    writeFileSync(
      join(cwd, 'tokens.yaml'),
      `consumers: [{ id: team, owner: x }]\ntokens:\n${entry('a', 29)}${entry('b', 31)}`,
    );
    const { code, out } = await run(['check', 'tokens.yaml'], { env: { CREDENTIALFLOW_TOKENS_MAX_TTL: '30d' } });
    assert.equal(code, 4, out);
    assert.match(out, /^tokens\.yaml:4:\d+ tokens\[1\]\.expires_at: is after .*tokens\.max_ttl/m);
    assert.match(out, /: 1 error,/);
  });

  it('reads --config and resolves its files beside it', async () => {
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(join(cwd, 'etc/cf.yaml'), 'resources:\n  files: [r.yaml]\n');
    writeFileSync(join(cwd, 'etc/r.yaml'), 'consumers: [{id: a, owner: me}]\n');
    const { code, out } = await run(['check', '--config', 'etc/cf.yaml']);
    assert.equal(code, 0, out);
    assert.match(out, /etc\/cf\.yaml, etc\/r\.yaml/);
  });
});

describe('token new', () => {
  const master = randomBytes(32);
  const env = { CREDENTIALFLOW_MASTER_KEY: master.toString('base64') };

  it('makes a token that the sidecar of this master key takes, and a line that check takes', async () => {
    const { code, out, err } = await run(['token', 'new', '--consumer', 'team', '--ttl', '90d'], { env });
    assert.equal(code, 0, err);
    const token = /^cf_\S+$/m.exec(out)?.[0] ?? '';
    const keyring = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(master)) }]);
    assert.ok(createTagCheck(new Map([['k1', keyring.derive('token-tag')]]))(token));
    const line = /^- .*$/m.exec(out)?.[0] ?? '';
    assert.ok(line.includes(hash('sha256', token, 'hex')));
    assert.ok(!line.includes(token));
    writeFileSync(join(cwd, 'r.yaml'), `consumers: [{id: team, owner: me}]\ntokens:\n  ${line}\n`);
    const checked = await run(['check', 'r.yaml']);
    assert.equal(checked.code, 0, checked.out);
  });

  it('refuses what is no life, and one beyond the maximum', async () => {
    assert.equal((await run(['token', 'new', '--consumer', 'team', '--ttl', '90'], { env })).code, 2);
    assert.equal((await run(['token', 'new', '--consumer', 'team', '--ttl', '366d'], { env })).code, 4);
    assert.equal((await run(['token', 'new', '--consumer', 'a"}, {', '--ttl', '1d'], { env })).code, 2);
  });

  it('needs the master key, and names where it looked', async () => {
    const { code, err } = await run(['token', 'new', '--consumer', 'team', '--ttl', '1d']);
    assert.equal(code, 1);
    assert.match(err, /CREDENTIALFLOW_MASTER_KEY.*master\.key/);
  });
});

describe('seal', () => {
  it('seals offline with the public key what only the sidecar opens, for this credential only', async () => {
    const keyring = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(randomBytes(32))) }]);
    writeFileSync(join(cwd, 'key.json'), JSON.stringify(keyring.sealingKey()));
    const args = ['seal', '--credential', 'main', '--public-key', 'key.json'];
    const { code, out, err } = await run(args, { stdin: 'sk-live-1234\n' });
    assert.equal(code, 0, err);
    assert.ok(!`${out}${err}`.includes('sk-live'));
    const value = /^secret: \{ from: sealed, value: (\S+) \}$/m.exec(out)?.[1] ?? '';
    assert.equal((await keyring.open(value, 'credential/main')).reveal(), 'sk-live-1234', 'one line break is left out');
    await assert.rejects(keyring.open(value, 'credential/other'));
    writeFileSync(
      join(cwd, 'r.yaml'),
      `upstreams: [{id: u, preset: openai}]\ncredentials:\n  - id: main\n    upstream: u\n    ${out}`,
    );
    const checked = await run(['check', 'r.yaml']);
    assert.equal(checked.code, 0, checked.out);
    assert.equal((await run(args, { stdin: '\n' })).code, 2, 'an empty secret');
  });

  it('refuses a file that is no public key', async () => {
    writeFileSync(join(cwd, 'key.json'), '{"kty":"OKP","crv":"X25519","x":"a","kid":"k1","d":"private"}');
    const args = ['seal', '--credential', 'main', '--public-key', 'key.json'];
    const { code, err } = await run(args, { stdin: 'x' });
    assert.equal(code, 1);
    assert.match(err, /private key/);
    assert.equal((await run(['seal', '--public-key', 'key.json'], { stdin: 'x' })).code, 2);
  });
});

describe('gateway env', () => {
  const [gateway, log] = [`cfg_${'g'.repeat(43)}`, `cfl_${'l'.repeat(43)}`];

  it('prints what the configuration or the data directory holds', async () => {
    mkdirSync(join(cwd, 'data/keys'), { recursive: true });
    writeFileSync(join(cwd, 'data/keys/log.key'), `${log}\n`);
    const { code, out, err } = await run(['gateway', 'env'], { env: { CREDENTIALFLOW_GATEWAY_KEY: gateway } });
    assert.equal(code, 0, err);
    const lines = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.deepEqual(lines, [`CREDENTIALFLOW_GATEWAY_KEY=${gateway}`, `CREDENTIALFLOW_LOG_KEY=${log}`]);
    assert.match(out, /^# {5}- CREDENTIALFLOW_GATEWAY_KEY$/m);
    const missing = await run(['gateway', 'env'], { env: { CREDENTIALFLOW_DATA_DIR: 'elsewhere' } });
    assert.equal(missing.code, 1);
    assert.match(missing.err, /gateway key/);
  });

  it('says 4 and every problem when the configuration is not valid', async () => {
    const { code, err } = await run(['gateway', 'env'], {
      env: { CREDENTIALFLOW_GATEWAY_KEY: 'short', CREDENTIALFLOW_LOG_KEY: '://unresolved' },
    });
    assert.equal(code, 4);
    assert.match(err, /CREDENTIALFLOW_GATEWAY_KEY/);
    assert.match(err, /CREDENTIALFLOW_LOG_KEY/);
    assert.ok(!err.includes('short'));
  });
});
