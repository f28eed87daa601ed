/**
 * Runs docs/apisix-integration.md: each command of each form, by a shell, as it stands there. `docker`, `adc` and `kubectl`
 * are stand-ins that look at what they are given.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatIds } from '../../sidecar/cli/apisix-render.ts';
import { startAdminStandIn } from '../gateway/admin-api.ts';
import type { AdminStandIn } from '../gateway/admin-api.ts';
import { lintFiles } from '../gateway/lint/corpus.ts';
import { rendered } from '../gateway/render/support.ts';
import { standalone } from '../../sidecar/gateway/render/formats/standalone.ts';

const guide = readFileSync('docs/apisix-integration.md', 'utf8');
const cwd = mkdtempSync(join(tmpdir(), 'credentialflow-guide-'));
let gateway: AdminStandIn;
let env: Record<string, string>;

before(async () => {
  gateway = await startAdminStandIn();
  copyFileSync('apisix-conf/resources.yaml', join(cwd, 'resources.yaml'));
  writeFileSync(join(cwd, 'credentialflow.yaml'), 'resources: { files: [resources.yaml] }\n');
  writeFileSync(join(cwd, 'admin-key'), `${gateway.key}\n`);
  program('credentialflow', `exec "${process.execPath}" "${resolve('bin/credentialflow.js')}" "$@"`);
  // Its volumes must be there, or docker makes directories of them.
  program('docker', 'for word; do case $word in ./*:/*) test -f "${word%%:*}" || exit 9;; esac; done');
  // Whatever it does, it must do to what is ours.
  program(
    'adc',
    'test -s adc.yaml && case "$*" in *"--label-selector managed-by=credentialflow"*) exit 0;; esac; exit 9',
  );
  program('kubectl', 'cat > manifests.yaml; test "$1 $2 $3" = "apply -f -" && grep -q "^kind: " manifests.yaml');
  env = {
    PATH: `${join(cwd, 'bin')}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: cwd,
    CREDENTIALFLOW_GATEWAY_KEY: 'g'.repeat(40),
    CREDENTIALFLOW_LOG_KEY: 'l'.repeat(40),
  };
});
after(async () => {
  await gateway.stop();
  rmSync(cwd, { recursive: true, force: true });
});

function program(name: string, lines: string): void {
  mkdirSync(join(cwd, 'bin'), { recursive: true });
  writeFileSync(join(cwd, 'bin', name), `#!/bin/sh\n${lines}\n`);
  chmodSync(join(cwd, 'bin', name), 0o755);
}

/** The commands of a section, without comments; one that goes on over lines is one. */
function commandsOf(title: string): readonly string[] {
  const start = guide.indexOf(title === '' ? '# ' : `\n## ${title}\n`);
  assert.ok(start >= 0, title);
  const section = guide.slice(start, guide.indexOf('\n## ', start + 1));
  const blocks = [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, block = '']) => block);
  return blocks
    .join('')
    .replaceAll('\\\n', ' ')
    .replace(/ +#.*$/gm, '')
    .split('\n')
    .filter((line) => line !== '');
}

/** As an operator fills in what the guide leaves open: the address and the key of the gateway. */
const filledIn = (command: string): string =>
  command
    .replaceAll('http://127.0.0.1:9180', gateway.url)
    .replaceAll('/run/secrets/apisix-admin-key', join(cwd, 'admin-key'))
    .replace('APISIX_ADMIN_KEY=…', `APISIX_ADMIN_URL=${gateway.url} APISIX_ADMIN_KEY=${gateway.key}`);

async function run(command: string): Promise<{ readonly code: number | null; readonly out: string }> {
  const exported = /^export (.*)$/.exec(filledIn(command))?.[1];
  if (exported !== undefined) {
    for (const pair of exported.split(' ')) env[pair.slice(0, pair.indexOf('='))] = pair.slice(pair.indexOf('=') + 1);
    return { code: 0, out: '' };
  }
  // The last command of a pipe alone would tell its exit code.
  const child = spawn('bash', ['-c', `set -o pipefail; ${filledIn(command)}`], { cwd, env });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: code === 0 ? out : `${out}${err}` };
}

async function runAll(commands: readonly string[]): Promise<void> {
  assert.ok(commands.length > 0);
  for (const command of commands) {
    const { code, out } = await run(command);
    assert.equal(code, 0, `${command}: ${out}`);
  }
}

const written = (name: string): string => readFileSync(join(cwd, name), 'utf8');

describe('the guide', { skip: !existsSync('/usr/bin/curl') && 'no curl' }, () => {
  it('renders each form that there is', async () => {
    const commands = commandsOf('');
    assert.deepEqual(
      commands.map((command) => /--format (\S+)/.exec(command)?.[1] ?? 'standalone'),
      formatIds,
    );
    await runAll(commands);
  });

  it('of a standalone gateway makes both files and the keys beside them', async () => {
    await runAll(commandsOf('Standalone'));
    const files = ['apisix.yaml', 'config.yaml'].map((file) => ({ file, text: written(join('conf', file)) }));
    assert.deepEqual(lintFiles(files).findings, []);
    assert.match(written('apisix.env'), /^CREDENTIALFLOW_GATEWAY_KEY=g{40}$/m);
  });

  it('of the Admin API writes every route', async () => {
    await runAll(commandsOf('Admin API'));
    assert.equal(gateway.routes.size, 9);
    assert.equal(gateway.calls.filter((call) => call.startsWith('POST /schema/validate')).length, 9);
  });

  it('of ADC names the label with each command', async () => {
    const commands = commandsOf('ADC');
    assert.equal(commands.filter((command) => command.startsWith('adc ')).length, 2);
    await runAll(commands);
  });

  it('of Kubernetes hands both kinds of objects to kubectl', async () => {
    const commands = commandsOf('Kubernetes');
    assert.equal(commands.length, 2);
    await runAll(commands.slice(0, 1));
    assert.match(written('manifests.yaml'), /^kind: ApisixRoute$/m);
    await runAll(commands.slice(1));
    assert.match(written('manifests.yaml'), /^kind: HTTPRoute$/m);
  });

  it('of keeping in step sees a difference, and does away with it', async () => {
    gateway.routes.delete('openai');
    const [exports = '', diff = '', dry = '', sync = '', watch = '', ...more] = commandsOf('Keeping a gateway in step');
    assert.deepEqual(more, []);
    await run(exports);
    assert.equal((await run(diff)).code, 5);
    assert.match((await run(dry)).out, /openai/);
    assert.ok(!gateway.routes.has('openai'), 'a dry run changes nothing');
    assert.match((await run(sync)).out, /--yes/, 'it asks, and there is nobody to ask');
    assert.match(watch, /--yes --watch$/);
    assert.equal((await run(watch.replace(' --watch', ''))).code, 0);
    assert.ok(gateway.routes.has('openai'));
    assert.equal((await run(diff)).code, 0);
  });

  it('of an authentication block takes the one that it shows', async () => {
    const [, json = ''] = /```json\n([^]*?)```/.exec(guide) ?? [];
    writeFileSync(join(cwd, 'authentication.json'), json);
    await runAll(commandsOf('From an authentication block'));
    assert.equal(written('conf/apisix.yaml'), rendered(written('resources.yaml'), standalone));
  });
});
