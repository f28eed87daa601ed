import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { gatewayKey, secret, secretVariable } from './world.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A real sidecar in a process of its own. */
export interface BenchSidecar {
  readonly data: Endpoint;
  readonly admin: Endpoint;
  readonly metrics: Endpoint;
  /** From spawn to its ready line, milliseconds. */
  readonly readyMs: number;
  readonly process: ChildProcess;
  /** Resolves with the first log line of this event from now on. */
  nextEvent(event: string): Promise<Readonly<Record<string, unknown>>>;
  /** Longest pauses of its main loop, as bench/loop-watch.mjs reports them: [end, length] in milliseconds. */
  readonly pauses: readonly (readonly [atMs: number, lengthMs: number])[];
  residentBytes(): number;
  stop(): Promise<void>;
}

export interface BenchHome {
  readonly folder: string;
  /** The program as the package has it: bin/ and dist/, no sources. */
  readonly bin: string;
  readonly dataDir: string;
  readonly resources: string;
  remove(): void;
}

/** Builds, and lays out a package and a data directory in a folder of their own. */
export function createHome(resources: string): BenchHome {
  runToEnd([resolve('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {});
  const folder = mkdtempSync(join(tmpdir(), 'credentialflow-bench-'));
  for (const name of ['bin', 'dist', 'package.json']) cpSync(name, join(folder, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'resources.yaml');
  writeFileSync(file, resources);
  return {
    folder,
    bin: join(folder, 'bin', 'credentialflow.js'),
    dataDir: join(folder, 'data'),
    resources: file,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Whatever ends this process must not leave a sidecar behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** What the image gives to Node. */
const imageArgv = ['--v8-pool-size=1'];

/** Starts `dist/` as the image does, everything on: audit file, metrics, watching its resource file. */
export async function startSidecar(
  home: BenchHome,
  options: {
    readonly watchLoop?: boolean;
    /** For Node itself, such as --cpu-prof. */
    readonly execArgv?: readonly string[];
    /** Added to the environment; wins over what the bench sets. */
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<BenchSidecar> {
  const watch = options.watchLoop === true ? ['--import', new URL('loop-watch.mjs', import.meta.url).href] : [];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...imageArgv, ...(options.execArgv ?? []), ...watch, home.bin, 'serve'], {
    cwd: home.folder,
    env: { ...environment(home), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const pauses: (readonly [number, number])[] = [];
  child.on('message', (message) => pauses.push(message as [number, number]));

  const listeners = new Map<string, ((line: Readonly<Record<string, unknown>>) => void)[]>();
  const tail: string[] = [];
  const hear = (line: string): void => {
    tail.push(line);
    if (tail.length > 20) tail.shift();
    const entry = parse(line);
    const event = typeof entry?.['event'] === 'string' ? entry['event'] : '';
    const waiting = listeners.get(event) ?? [];
    listeners.delete(event);
    if (entry !== undefined) for (const listener of waiting) listener(entry);
  };
  for (const input of [child.stdout, child.stderr]) if (input !== null) createInterface({ input }).on('line', hear);
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  const nextEvent = (event: string): Promise<Readonly<Record<string, unknown>>> =>
    new Promise((found, failed) => {
      listeners.set(event, [...(listeners.get(event) ?? []), found]);
      void ended.then(() => failed(new Error(`the sidecar ended before it said ${event}:\n${tail.join('\n')}`)));
    });

  const ready = await nextEvent('ready');
  const readyMs = performance.now() - startedAt;
  return {
    data: endpoint(ready['data']),
    admin: endpoint(ready['admin']),
    metrics: endpoint(ready['metrics']),
    readyMs,
    process: child,
    nextEvent,
    pauses,
    residentBytes: () => residentBytes(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** What `credentialflow <args>` prints; it talks to the sidecar of this home. */
export function cli(home: BenchHome, sidecar: BenchSidecar, args: readonly string[]): string {
  const adminUrl = `http://${sidecar.admin.host}:${String(sidecar.admin.port)}`;
  return runToEnd([home.bin, ...args], {
    ...environment(home),
    CREDENTIALFLOW_ADMIN_URL: adminUrl,
  });
}

function environment(home: BenchHome): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    CREDENTIALFLOW_DATA_DIR: home.dataDir,
    CREDENTIALFLOW_DATA_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_RESOURCES: home.resources,
    CREDENTIALFLOW_GATEWAY_KEY: gatewayKey,
    [secretVariable]: secret,
  };
}

function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(status)}:\n${stdout}${stderr}`);
  return stdout;
}

function endpoint(address: unknown): Endpoint {
  const match = /^(.+):(\d+)$/.exec(typeof address === 'string' ? address : '');
  if (match === null) throw new Error('the ready line names no address');
  return { host: match[1] ?? '', port: Number(match[2]) };
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function residentBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024;
}
