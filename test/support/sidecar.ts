import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SidecarOptions {
  /** Text of a resource file that the sidecar watches; none by default. */
  readonly resources?: string;
  /** Added to the environment of the sidecar and of its commands; wins over what the harness sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a temporary one, removed by `stop`. */
  readonly dataDir?: string;
  /** Default 30 s. */
  readonly readyWithinMs?: number;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningSidecar {
  /** Origins, without a slash at the end. */
  readonly urls: { readonly data: string; readonly admin: string; readonly metrics: string };
  readonly keys: Readonly<Record<'master' | 'gateway' | 'log' | 'admin', string>>;
  readonly dataDir: string;
  /** The watched resource file; write to it to change what the sidecar serves. */
  readonly resourcesFile: string;
  readonly process: ChildProcess;
  /** Lines of stdout so far. */
  readonly logs: readonly string[];
  /** Everything that was written to stderr so far. */
  readonly stderr: () => string;
  /** Runs `credentialflow <args>` against this sidecar. */
  cli(args: readonly string[], input?: string): Promise<CliResult>;
  /** As `cli`, but rejects unless it exits with 0; resolves with what `--json` printed. */
  json(args: readonly string[], input?: string): Promise<Record<string, unknown>>;
  /** A fresh token of a consumer, valid for an hour; by the admin API, which is quicker than a command. */
  issueToken(consumer: string): Promise<{ readonly id: string; readonly token: string }>;
  /** SIGTERM, then waits for the end; removes a temporary data directory. Safe to call twice. */
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../bin/credentialflow.js', import.meta.url));

/** Starts the real product as a process of its own on free ports, and resolves when it is ready. */
export async function startSidecar(options: SidecarOptions = {}): Promise<RunningSidecar> {
  const home = mkdtempSync(join(tmpdir(), 'credentialflow-'));
  const dataDir = options.dataDir ?? join(home, 'data');
  const resourcesFile = join(home, 'resources.yaml');
  if (options.resources !== undefined) writeFileSync(resourcesFile, options.resources);
  const env = {
    ...inherited(),
    CREDENTIALFLOW_DATA_DIR: dataDir,
    CREDENTIALFLOW_DATA_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    ...(options.resources === undefined ? {} : { CREDENTIALFLOW_RESOURCES: resourcesFile }),
    ...options.env,
  };
  const child = spawn(process.execPath, [program, 'serve'], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const logs: string[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const addresses = await waitForReady(child, logs, options.readyWithinMs ?? 30_000);
    const cli = (args: readonly string[], input = ''): Promise<CliResult> =>
      runCli(args, { cwd: home, input, env: { ...env, CREDENTIALFLOW_ADMIN_URL: addresses.admin } });
    const json = async (args: readonly string[], input?: string): Promise<Record<string, unknown>> => {
      const { code, stdout, stderr: problem } = await cli([...args, '--json'], input);
      if (code !== 0) throw new Error(`credentialflow ${args.join(' ')} exited with ${code}: ${problem}${stdout}`);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const keys = readKeys(dataDir, env);
    return {
      urls: addresses,
      keys,
      dataDir,
      resourcesFile,
      process: child,
      logs,
      stderr: () => stderr,
      cli,
      json,
      issueToken: (consumer) => issueToken(addresses.admin, keys.admin, consumer),
      stop,
    };
  } catch (error) {
    child.kill('SIGKILL');
    await stop();
    throw new Error(`the sidecar did not start: ${String(error)}\n${logs.join('\n')}\n${stderr}`, { cause: error });
  }
}

/** The environment without anything that would configure the product or its provider keys. */
function inherited(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^CREDENTIALFLOW_|_API_KEY$/.test(entry[0]),
  );
  return Object.fromEntries(kept);
}

function waitForReady(child: ChildProcess, logs: string[], withinMs: number): Promise<RunningSidecar['urls']> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready within ${withinMs} ms`)), withinMs);
    let rest = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        logs.push(line);
        if (!line.includes('"event":"ready"')) continue;
        clearTimeout(timer);
        const { data, admin, metrics } = JSON.parse(line) as Record<'data' | 'admin' | 'metrics', string>;
        const url = (address: string): string => (address.startsWith('https:') ? address : `http://${address}`);
        resolve({ data: url(data), admin: url(admin), metrics: url(metrics) });
      }
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`it ended with ${String(code ?? signal)}`));
    });
  });
}

function readKeys(dataDir: string, env: Readonly<Record<string, string>>): RunningSidecar['keys'] {
  const read = (name: string): string => {
    const configured = env[`CREDENTIALFLOW_${name.toUpperCase()}_KEY`];
    return configured ?? readFileSync(join(dataDir, 'keys', `${name}.key`), 'utf8').trim();
  };
  return { master: read('master'), gateway: read('gateway'), log: read('log'), admin: read('admin') };
}

async function issueToken(admin: string, key: string, consumer: string): Promise<{ id: string; token: string }> {
  const response = await fetch(`${admin}/api/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ consumer, ttl: '1h' }),
  });
  if (!response.ok) throw new Error(`no token for ${consumer}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string; token: string };
}

async function runCli(
  args: readonly string[],
  { cwd, env, input }: { readonly cwd: string; readonly env: Record<string, string>; readonly input: string },
): Promise<CliResult> {
  const child = spawn(process.execPath, [program, ...args], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // A command that reads no stdin may be gone before its input is.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, stdout, stderr };
}
