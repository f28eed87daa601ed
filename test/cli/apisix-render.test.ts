import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-render-'));
after(() => rmSync(home, { recursive: true, force: true }));

let count = 0;
let cwd = home;
beforeEach(() => {
  cwd = join(home, String(++count));
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'r.yaml'), 'upstreams: [{ id: openai, preset: openai }, { id: gemini, preset: gemini }]\n');
});

async function render(...args: readonly string[]) {
  const terminal = createFakeTerminal({ cwd });
  const code = await runProgram(['apisix', 'render', ...args], terminal);
  return { code, ...terminal.written };
}

interface Written {
  readonly routes: readonly {
    readonly id: string;
    readonly plugins: { readonly 'forward-auth'?: { readonly uri: string } };
  }[];
}

const askedAt = (text: string): readonly (string | undefined)[] =>
  (parse(text) as Written).routes.map(({ plugins }) => plugins['forward-auth']?.uri);

describe('apisix render', () => {
  it('prints a standalone apisix.yaml of the files, and nothing else', async () => {
    const { code, out, err } = await render('-f', 'r.yaml');
    assert.equal(code, 0, err);
    assert.equal(err, '');
    assert.match(out, /#END\n$/);
    assert.deepEqual(
      (parse(out) as Written).routes.map(({ id }) => id),
      ['openai', 'gemini', 'credentialflow-token-self'],
    );
  });
  it('takes several files as one, and those of the configuration where none is named', async () => {
    writeFileSync(join(cwd, 's.yaml'), 'upstreams: [{ id: mistral, preset: mistral }]\n');
    writeFileSync(join(cwd, 'credentialflow.yaml'), 'resources: { files: [r.yaml] }\n');
    assert.match((await render('-f', 'r.yaml', 's.yaml')).out, /id: mistral/);
    const { out } = await render('--json');
    const { format, routes } = JSON.parse(out) as { readonly format: string; readonly routes: unknown };
    assert.deepEqual([format, routes], ['standalone', ['openai', 'gemini', 'credentialflow-token-self']]);
  });
  it('asks the sidecar where it is said to be, and warns of secrets in clear', async () => {
    const { out, err } = await render('-f', 'r.yaml', '--sidecar', 'http://cf.internal:1234');
    assert.equal(askedAt(out)[0], 'http://cf.internal:1234/api/auth');
    assert.match(err, /in clear/);
    assert.equal((await render('-f', 'r.yaml', '--sidecar', 'https://cf.internal')).err, '');
    assert.equal((await render('-f', 'r.yaml', '--sidecar', 'http://cf.internal/x')).code, 2);
  });
  it('has the gateway pass what conditions read, and says what no gateway passes', async () => {
    const policy = (when: string) =>
      `policies: [{ id: p, effect: allow, consumers: ['*'], upstreams: [openai], when: '${when}' }]\n`;
    writeFileSync(join(cwd, 'p.yaml'), policy('request.model == "a"'));
    const passed = await render('-f', 'r.yaml', 'p.yaml');
    assert.equal(passed.err, '');
    assert.equal(passed.out.split('X-CF-Arg-model: $post_arg.model').length, 2, 'on the route of openai only');
    writeFileSync(join(cwd, 'p.yaml'), policy('request.arg("max-tokens") == ""'));
    const odd = await render('-f', 'r.yaml', 'p.yaml');
    assert.ok(!odd.out.includes('post_arg'));
    assert.match(odd.err, /upstream openai: request\.arg\("max-tokens"\) is never passed/);
  });
  it('refuses versions that leak, and says by which CVE', async () => {
    for (const version of ['3.16', '3.15.0', '2.15']) {
      const { code, err, out } = await render('-f', 'r.yaml', '--min-version', version);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, /CVE-2026-39998/);
    }
    assert.match((await render('-f', 'r.yaml', '--min-version', '3.18')).out, /APISIX \(3\.18 or newer/);
    assert.equal((await render('-f', 'r.yaml', '--min-version', 'latest')).code, 2);
  });
  it('says all that is wrong with the files, and writes nothing', async () => {
    writeFileSync(join(cwd, 'bad.yaml'), 'upstreams:\n  - { id: a, preset: opnai }\n  - { id: B, preset: openai }\n');
    const { code, out, err } = await render('-f', 'bad.yaml', 'none.yaml', '-o', 'apisix.yaml');
    assert.deepEqual([code, out], [4, '']);
    assert.match(err, /bad\.yaml:2:\d+ upstreams\[0\]\.preset/);
    assert.match(err, /bad\.yaml:3:\d+ upstreams\[1\]\.id/);
    assert.match(err, /none\.yaml: the file does not exist/);
    assert.ok(!readdirSync(cwd).includes('apisix.yaml'));
  });
  it('refuses what no gateway can route', async () => {
    writeFileSync(
      join(cwd, 'two.yaml'),
      'upstreams: [{ id: a, preset: openai, prefix: /x }, { id: b, preset: openai, prefix: /x }]\n',
    );
    const { code, err } = await render('-f', 'two.yaml');
    assert.equal(code, 4);
    assert.match(err, /a and b have the prefix \/x/);
  });
  it('needs files', async () => {
    assert.equal((await render()).code, 2);
  });
  it('prints what config.yaml needs', async () => {
    const { out } = await render('--gateway-config');
    assert.deepEqual((parse(out) as Record<string, unknown>)['deployment'], {
      role: 'data_plane',
      role_data_plane: { config_provider: 'yaml' },
    });
    const { out: shared } = await render('--gateway-config', '--format', 'adc');
    assert.deepEqual(Object.keys(parse(shared) as object), ['apisix', 'nginx_config']);
  });
});

describe('apisix render --output', () => {
  it('replaces the file, through a link, later by a second than before, and leaves no other file', async () => {
    const file = join(cwd, 'real.yaml');
    writeFileSync(file, 'routes: []\n#END\n', { mode: 0o640 });
    const soon = Math.ceil(Date.now() / 1_000) + 5;
    utimesSync(file, soon, soon);
    symlinkSync('real.yaml', join(cwd, 'apisix.yaml'));
    const { code, out } = await render('-f', 'r.yaml', '--output', 'apisix.yaml');
    assert.deepEqual([code, out], [0, 'Wrote apisix.yaml.\n']);
    assert.match(readFileSync(file, 'utf8'), /id: openai/);
    const { mtimeMs, mode } = statSync(file);
    assert.ok(Math.floor(mtimeMs / 1_000) > soon, 'the gateway compares whole seconds');
    assert.equal(mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(cwd).sort(), ['apisix.yaml', 'r.yaml', 'real.yaml']);
  });
  it('does not touch a file that is up to date', async () => {
    await render('-f', 'r.yaml', '-o', 'apisix.yaml');
    const before = statSync(join(cwd, 'apisix.yaml'));
    const { out } = await render('-f', 'r.yaml', '-o', 'apisix.yaml', '--json');
    assert.equal((JSON.parse(out) as { readonly changed: boolean }).changed, false);
    const { ino, mtimeMs } = statSync(join(cwd, 'apisix.yaml'));
    assert.deepEqual([ino, mtimeMs], [before.ino, before.mtimeMs]);
  });
  it('says when it cannot write', async () => {
    const { code, err } = await render('-f', 'r.yaml', '-o', 'none/apisix.yaml');
    assert.equal(code, 1);
    assert.match(err, /none\/apisix\.yaml cannot be written/);
  });
});

describe('apisix render --from-authentication', () => {
  const from = async (authentication: unknown) => {
    writeFileSync(join(cwd, 'a.json'), JSON.stringify(authentication));
    return render('-f', 'r.yaml', '--from-authentication', 'a.json');
  };
  const bearer = (credentialURL: string) => from({ authentication: { type: 'Bearer', credentialURL } });

  it('asks the sidecar that credentialURL names, for every upstream', async () => {
    for (const url of ['http://127.0.0.1:9999', 'http://127.0.0.1:9999/', 'http://127.0.0.1:9999/api/auth']) {
      const { code, out, err } = await bearer(url);
      assert.deepEqual([code, err], [0, '']);
      assert.deepEqual(askedAt(out).slice(0, 2), Array(2).fill('http://127.0.0.1:9999/api/auth'));
    }
  });
  it('renders the one upstream that its path names', async () => {
    const { out } = await bearer('http://127.0.0.1:9280/api/auth/gemini');
    assert.deepEqual(askedAt(out), ['http://127.0.0.1:9280/api/auth/gemini', undefined]);
    const { code, err } = await bearer('http://127.0.0.1:9280/api/auth/nobody');
    assert.equal(code, 4);
    assert.match(err, /no upstream "nobody"/);
  });
  it('says which upstream reads its token elsewhere', async () => {
    writeFileSync(
      join(cwd, 'r.yaml'),
      'upstreams: [{ id: a, preset: openai }, { id: b, preset: openai, token_slots: [{ header: x-my-key }] }]\n',
    );
    const { code, err } = await bearer('http://127.0.0.1:9280');
    assert.equal(code, 0);
    assert.match(err, /upstream b takes no Bearer token, but one in x-my-key/);
    assert.doesNotMatch(err, /upstream a/);
  });
  it('says where it does not take the path', async () => {
    const { code, err } = await bearer('http://127.0.0.1:9280/credentials');
    assert.equal(code, 0);
    assert.match(err, /asked at \/api\/auth/);
  });
  for (const [name, content, message] of [
    ['nothing', {}, /no "authentication"/],
    ['another type', { authentication: { type: 'Basic', credentialURL: 'http://h' } }, /"Bearer"/],
    ['no address', { authentication: { type: 'Bearer', credentialURL: 'h:1/x' } }, /absolute/],
    ['a password', { authentication: { type: 'Bearer', credentialURL: 'http://u:hunter2@h' } }, /no password/],
  ] as const) {
    it(`refuses ${name}, and repeats none of it`, async () => {
      const { code, out, err } = await from(content);
      assert.deepEqual([code, out], [4, '']);
      assert.match(err, message);
      assert.doesNotMatch(err, /hunter2/);
    });
  }
});
