import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../examples/demo/demo.ts', import.meta.url));

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runDemo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('the demo', () => {
  it('--once --json shows that the token went in, the secret came out, and every curl line does what it says', async () => {
    const { code, stdout, stderr } = await runDemo(['--once', '--json']);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as {
      ok: boolean;
      gateway: { kind: string };
      client: { authorization: string };
      provider: { authorization: string };
      cases: { name: string; ok: boolean }[];
    };
    assert.equal(report.ok, true);
    assert.equal(report.gateway.kind, 'stand-in');
    assert.match(report.client.authorization, /^Bearer cf_.*…/);
    assert.match(report.provider.authorization, /^Bearer sk-demo…/);
    assert.deepEqual(
      report.cases.map(({ name, ok }) => [name, ok]),
      ['allowed', 'unknown token', 'forbidden path', 'revoked token', 'spoofed header', 'who am I'].map((name) => [
        name,
        true,
      ]),
    );
    assert.doesNotMatch(stdout, /cf_[\w-]{30,}|sk-demo-/);
  });

  it('says what it takes, and refuses what it does not know without a stack', async () => {
    const help = await runDemo(['--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--once[^]*--json/);
    const bad = await runDemo(['--ones']);
    assert.equal(bad.code, 2);
    assert.equal(bad.stdout, '');
    assert.match(bad.stderr, /^error: .*--ones[^]*Usage:/);
    assert.doesNotMatch(bad.stderr, /^\s+at /m);
  });

  it('--once prints the flow in ten lines, says that the gateway is a stand-in, and obeys NO_COLOR', async () => {
    const { code, stdout, stderr } = await runDemo(['--once'], { NO_COLOR: '1', FORCE_COLOR: '1' });
    assert.equal(code, 0, stderr);
    assert.ok(!stdout.includes('\u001b'), 'there is colour');
    const [flow = ''] = stdout.split('\n\n');
    assert.equal(flow.split('\n').length, 10);
    assert.match(flow, /not APISIX itself/);
    assert.match(flow, /client sent[^]*gateway asked[^]*provider received/);
  });
});
