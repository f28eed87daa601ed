/** The process itself: which Node runs it, how it ends, what it leaves. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { startSidecar } from '../support/sidecar.ts';

const bin = resolve('bin/credentialflow.js');
const home = mkdtempSync(join(tmpdir(), 'credentialflow-process-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** Makes this Node say that it is 20, but not the one that is started in its place. */
const pretendOld = join(home, 'old.mjs');
writeFileSync(
  pretendOld,
  `if (process.argv0 !== 'credentialflow-node')
     Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.0' } });`,
);

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('CREDENTIALFLOW_'));
  return spawn(process.execPath, args, { cwd: home, env: { ...Object.fromEntries(kept), ...env } });
}

async function end(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stdout, stderr };
}

/** A package folder with the real program, whose Node 24 is this very one. */
function packageWith(node: boolean): string {
  const folder = mkdtempSync(join(home, 'package-'));
  mkdirSync(join(folder, 'bin'));
  copyFileSync(bin, join(folder, 'bin/credentialflow.js'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  mkdirSync(join(folder, 'sidecar'));
  writeFileSync(join(folder, 'sidecar/main.ts'), `export { run } from ${JSON.stringify(resolve('sidecar/main.ts'))};`);
  if (node) {
    const place = join(folder, `node_modules/node-linux-${process.arch}/bin`);
    mkdirSync(place, { recursive: true });
    symlinkSync(process.execPath, join(place, 'node'));
  }
  return join(folder, 'bin/credentialflow.js');
}

describe('on an old Node', () => {
  const old = ['--import', pretendOld];

  it('runs with the Node that npm brought, and passes arguments, output and exit code on', async () => {
    const program = packageWith(true);
    const ok = await end(start([...old, program, 'version', '--json']));
    assert.equal(ok.code, 0, ok.stderr);
    assert.equal((JSON.parse(ok.stdout) as { node: string }).node, process.versions.node);
    const usage = await end(start([...old, program, 'nonsense']));
    assert.equal(usage.code, 2);
    assert.match(usage.stderr, /nonsense/);
  });

  it('passes a signal on and ends when the program has drained', async () => {
    const env = {
      CREDENTIALFLOW_DATA_DIR: join(home, 'old-data'),
      CREDENTIALFLOW_DATA_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    };
    const child = start([...old, packageWith(true), 'serve'], env);
    const ended = end(child);
    let seen = '';
    await new Promise<void>((ready) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
        if (seen.includes('"event":"ready"')) ready();
      });
      void ended.then(() => ready());
    });
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"event":"stopped"/);
  });

  it('says what to do where there is none, and exits 1', async () => {
    const { code, stdout, stderr } = await end(start([...old, packageWith(false), 'version']));
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /needs Node\.js 24/);
    assert.match(stderr, /fix: /);
  });
});

describe('serve', () => {
  it('drains on SIGTERM, and ends at once on a second signal that is not the same wish', async () => {
    const sidecar = await startSidecar({ env: { CREDENTIALFLOW_DRAIN_TIMEOUT: '60s' } });
    const { port } = new URL(sidecar.urls.data);
    const open = connect(Number(port), '127.0.0.1');
    await once(open, 'connect');
    open.on('error', () => undefined);
    const ended = once(sidecar.process, 'exit') as Promise<[number | null, string | null]>;
    sidecar.process.kill('SIGTERM');
    await wait(100);
    sidecar.process.kill('SIGINT');
    await wait(700);
    assert.equal(sidecar.process.exitCode, null, 'a doubled Ctrl-C does not cut the drain');
    sidecar.process.kill('SIGTERM');
    assert.deepEqual(await ended, [143, null]);
    open.destroy();
    await sidecar.stop();
  });

  it('exits 0 after a drain, having said so in JSON lines', async () => {
    const sidecar = await startSidecar();
    const ended = once(sidecar.process, 'exit') as Promise<[number | null]>;
    await sidecar.stop();
    assert.equal((await ended)[0], 0);
    const events = sidecar.logs.map((line) => (JSON.parse(line) as { event: string }).event);
    assert.ok(events.includes('stopping') && events.at(-1) === 'stopped', events.join(' '));
  });

  it('exits 4 with every problem when the configuration is not valid', async () => {
    const env = { CREDENTIALFLOW_DATA_LISTEN: 'nowhere', CREDENTIALFLOW_CHANGES_POLL: '7' };
    const { code, stderr } = await end(start([bin, 'serve'], env));
    assert.equal(code, 4, stderr);
    assert.match(stderr, /CREDENTIALFLOW_DATA_LISTEN/);
    assert.match(stderr, /CREDENTIALFLOW_CHANGES_POLL/);
    assert.ok(!/^\s+at /m.test(stderr));
  });

  it('names who holds the data directory', async () => {
    const sidecar = await startSidecar();
    const env = { CREDENTIALFLOW_DATA_DIR: sidecar.dataDir };
    const { code, stderr } = await end(start([bin, 'serve'], env));
    assert.equal(code, 1);
    assert.ok(stderr.includes(String(sidecar.process.pid)), stderr);
    await sidecar.stop();
  });
});

describe('the output', () => {
  it('has no colour in a pipe', async () => {
    const { stderr } = await end(start([bin, 'nonsense'], { FORCE_COLOR: '1' }));
    assert.ok(!stderr.includes('\u001b'));
  });

  it('may be cut off by its reader', async () => {
    const child = start([bin, '--help']);
    child.stdout?.destroy();
    const { code, stderr } = await end(child);
    assert.equal(code, 0);
    assert.equal(stderr, '');
  });
});
