import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { secret, secretVariable } from './world.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A real sidecar in a process of its own. */
export interface BenchSidecar {
  readonly data: Endpoint;
  readonly admin: Endpoint;
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
  readonly dataDir: string;
  readonly resources: string;
  remove(): void;
}

export function createHome(resources: string): BenchHome {
  const folder = mkdtempSync(join(tmpdir(), 'credentialflow-bench-'));
  const file = join(folder, 'resources.yaml');
  writeFileSync(file, resources);
  return {
    folder,
    dataDir: join(folder, 'data'),
    resources: file,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function build(): void {
  runToEnd([resolve('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {});
}

/** Starts `dist/`, everything on: audit file, metrics, watching its resource file. */
export async function startSidecar(
  home: BenchHome,
  options: { readonly watchLoop?: boolean } = {},
): Promise<BenchSidecar> {
  const watch = options.watchLoop === true ? ['--import', new URL('loop-watch.mjs', import.meta.url).href] : [];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...watch, resolve('dist/main.js'), 'serve'], {
    cwd: home.folder,
    env: environment(home),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
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
  const addresses = ready['addresses'] as Readonly<Record<string, string>>;
  return {
    data: endpoint(addresses['data']),
    admin: endpoint(addresses['admin']),
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
  return runToEnd([resolve('bin/credentialflow.js'), ...args], {
    ...environment(home),
    CREDENTIALFLOW_ADMIN_URL: adminUrl,
  });
}

export function readGatewayKey(home: BenchHome): string {
  return readFileSync(join(home.dataDir, 'keys', 'gateway.key'), 'utf8').trim();
}

function environment(home: BenchHome): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    CREDENTIALFLOW_DATA_DIR: home.dataDir,
    CREDENTIALFLOW_DATA_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    CREDENTIALFLOW_RESOURCES: home.resources,
    [secretVariable]: secret,
  };
}

function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(status)}:\n${stdout}${stderr}`);
  return stdout;
}

function endpoint(address: string | undefined): Endpoint {
  const match = /^(?:https?:\/\/)?(.+):(\d+)$/.exec(address ?? '');
  if (match === null) throw new Error(`the ready line names no address: ${String(address)}`);
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
