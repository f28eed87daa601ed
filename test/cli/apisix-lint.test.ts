import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { runProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const cwd = mkdtempSync(join(tmpdir(), 'credentialflow-lint-'));
after(() => rmSync(cwd, { recursive: true, force: true }));
const good = readFileSync('test/gateway/lint/corpus/good/standalone-openai.yaml', 'utf8');
const shipped = [resolve('apisix-conf/apisix.yaml'), resolve('apisix-conf/config.yaml')];

async function lint(args: readonly string[], files: Readonly<Record<string, string>> = {}) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const terminal = createFakeTerminal({ cwd });
  const code = await runProgram(['apisix', 'lint', ...args], terminal);
  return { code, ...terminal.written };
}

describe('apisix lint', () => {
  it('says that what we ship is clean', async () => {
    const { code, out } = await lint(shipped);
    assert.equal(code, 0, out);
    assert.match(out, /no findings/);
  });
  it('exits 4 with an error, and says where', async () => {
    const bad = good.replace('status_on_error: 503', 'status_on_error: 503\n        allow_degradation: true');
    const { code, out } = await lint(['bad.yaml'], { 'bad.yaml': bad });
    assert.equal(code, 4);
    const line = bad.split('\n').findIndex((text) => text.includes('allow_degradation')) + 1;
    assert.match(out, new RegExp(`^bad\\.yaml\\n {2}${line}:\\d+ error .*\\[degradation\\]`));
    assert.match(out, /why: .*forged/);
    assert.match(out, /1 error, 0 warnings, 0 infos/);
  });
  it('fails for warnings unless that many are allowed', async () => {
    const files = { 'warn.yaml': good.replace('status_on_error: 503', 'status_on_error: 403') };
    assert.equal((await lint(['warn.yaml'], files)).code, 4);
    assert.equal((await lint(['warn.yaml', '--max-warnings', '1'], files)).code, 0);
    assert.equal((await lint(['warn.yaml', '--ignore', 'status-on-error'], files)).code, 0);
  });
  it('says what policies need and the gateway does not pass, where it is told the resources', async () => {
    const policies = `policies:
  - { id: p, effect: allow, consumers: ['*'], upstreams: [openai], when: 'request.model == "a" && request.header("x-tenant") == "b"' }
`;
    const files = { 'g.yaml': good, 'r.yaml': `upstreams: [{ id: openai, preset: openai }]\n${policies}` };
    const { code, out } = await lint(['g.yaml', '-f', 'r.yaml'], files);
    assert.equal(code, 4);
    assert.match(out, /error .*lacks X-CF-Arg-model/);
    assert.match(out, /warning .*lacks x-tenant/);
    assert.equal((await lint(['g.yaml'], files)).code, 0);
  });
  it('is fine with infos', async () => {
    const { code, out } = await lint(['info.yaml'], { 'info.yaml': good.replace('- x-should-retry\n', '- x-other\n') });
    assert.equal(code, 0, out);
    assert.match(out, /1 info/);
  });
  it('exits 1 for what cannot be read, and judges nothing', async () => {
    for (const [name, text, why] of [
      ['broken.yaml', 'routes: [\n', /broken\.yaml:\d/],
      ['other.yaml', 'hello: world\n', /no configuration of a gateway/],
      ['empty.yaml', '', /empty/],
      ['routes.sh', '#!/bin/sh\nset -eu\n', /routes\.sh.* a script[^]*--admin/],
    ] as const) {
      const { code, out, err } = await lint([name], { [name]: text });
      assert.equal(code, 1, name);
      assert.equal(out, '');
      assert.match(err, why);
    }
    assert.match((await lint(['nowhere.yaml'])).err, /does not exist/);
  });
  it('exits 2 for a rule, a version, a number that is none', async () => {
    for (const args of [
      ['x', '--ignore', 'no-such-rule'],
      ['x', '--gateway-version', 'new'],
      ['x', '--max-warnings', '-1'],
      [],
    ]) {
      assert.equal((await lint(args)).code, 2, args.join(' '));
    }
  });
  it('knows more with the resources', async () => {
    const resources =
      'upstreams:\n  - id: search\n    preset: generic\n    base_url: https://api.search.example\n    routes: [openai]\n    injection: { kind: header, name: x-search-token }\n';
    const { code, out } = await lint(['good.yaml', '-f', 'resources.yaml'], {
      'good.yaml': good,
      'resources.yaml': resources,
    });
    assert.equal(code, 4, out);
    assert.match(out, /upstream_headers lacks x-search-token \[upstream-headers-slot\]/);
  });
  it('takes what follows an option for what it is: -f takes one file, and may be repeated', async () => {
    const team = (id: string, header: string) =>
      `upstreams:\n  - id: ${id}\n    preset: generic\n    base_url: https://api.search.example\n    routes: [${id}]\n    injection: { kind: header, name: ${header} }\n`;
    const files = { 'good.yaml': good, 'a.yaml': team('openai', 'x-a-token'), 'b.yaml': team('other', 'x-b-token') };
    for (const args of [
      ['-f', 'a.yaml', 'good.yaml'],
      ['-f', 'a.yaml', '-f', 'b.yaml', 'good.yaml'],
      ['good.yaml', '-f', 'b.yaml', '-f', 'a.yaml'],
      ['--ignore', 'status-on-error', '--ignore', 'version-floor', 'good.yaml', '-f', 'a.yaml'],
      ['-f', 'a.yaml', '--ignore', 'version-floor', 'good.yaml'],
    ]) {
      const { code, out } = await lint(args, files);
      assert.equal(code, 4, `${args.join(' ')}: ${out}`);
      assert.match(out, /upstream_headers lacks x-a-token/);
      assert.match(out, /good\.yaml/);
    }
    assert.match((await lint(['-f', 'good.yaml'], files)).err, /nothing to read[^]*-f is for resources: name files/);
    const swapped = await lint(['good.yaml', '-f', 'a.yaml', 'b.yaml'], files);
    assert.equal(swapped.code, 1);
    assert.match(swapped.err, /b\.yaml.* resources of CredentialFlow[^]*-f, once for each/);
  });
  it('judges by the version that it is told', async () => {
    const { code, out } = await lint(['good.yaml', '--gateway-version', '3.16.0'], { 'good.yaml': good });
    assert.equal(code, 4);
    assert.match(out, /\[version-floor\]/);
    assert.match(out, /CVE-2026-39998/);
  });
  it('writes JSON, SARIF and JUnit', async () => {
    const files = { 'warn.yaml': good.replace('status_on_error: 503', 'status_on_error: 403') };
    for (const args of [['--json'], ['--format', 'json']]) {
      const { code, out } = await lint(['warn.yaml', ...args], files);
      assert.equal(code, 4);
      const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: { rule: string; line: number }[] };
      assert.equal(ok, false);
      assert.deepEqual(
        findings.map(({ rule }) => rule),
        ['status-on-error'],
      );
    }
    const sarif = JSON.parse((await lint(['warn.yaml', '--format', 'sarif'], files)).out) as { version: string };
    assert.equal(sarif.version, '2.1.0');
    assert.match((await lint(['warn.yaml', '--format', 'junit'], files)).out, /<failure type="warning"/);
  });
  it('mends in place with --fix, says what, and leaves no other file behind', async () => {
    const before = readdirSync(cwd);
    const text = `# ours\n${good.replace('status_on_error: 503', 'status_on_error: 403 # hm')}`;
    const { code, out, err } = await lint(['fix.yaml', '--fix'], { 'fix.yaml': text });
    assert.equal(code, 0, out);
    assert.match(err, /^fixed fix\.yaml:\d+ status_on_error is 403 \[status-on-error\]\n$/);
    assert.equal(readFileSync(join(cwd, 'fix.yaml'), 'utf8'), text.replace('403 # hm', '503 # hm'));
    assert.deepEqual(readdirSync(cwd).sort(), [...before, 'fix.yaml'].sort());
  });
  it('repeats no key', async () => {
    const { code, out, err } = await lint(['key.yaml'], {
      'key.yaml': good.replace('${{CREDENTIALFLOW_GATEWAY_KEY}}', 'k'.repeat(40)),
    });
    assert.equal(code, 4);
    assert.match(out, /\[literal-key\]/);
    assert.ok(!`${out}${err}`.includes('kkkk'));
  });
});
