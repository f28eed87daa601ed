/** One redis-server process: started on a port, in a folder of its own, gone when this process is gone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

export interface RedisServer {
  readonly port: number;
  readonly folder: string;
  /** SIGSTOP: the server accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGKILL; `stop` is still to be called. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  readonly port?: number;
  /** `--name value …`. */
  readonly settings?: readonly string[];
  /** Lines of a configuration file, which a sentinel rewrites. */
  readonly sentinel?: readonly string[];
  /** What it prints when it can be asked. */
  readonly ready?: string;
}

/**
 * The shell between us: it ends the server when its own input closes, whatever ended us. `$0` is the folder.
 * A stopped server is ended by SIGKILL too.
 */
const keeper = `
exec 3<&0
"$@" 3<&- &
server=$!
echo "PID $server"
{ cat; kill -KILL $server; rm -rf "$0"; } <&3 >/dev/null 2>&1 &
keeper=$!
wait $server
kill $keeper 2>/dev/null
`;

/** Found on the PATH. `not installed` where it is not; undefined: it did not start (the port was taken). */
export async function startRedisServer(
  options: RedisServerOptions = {},
): Promise<RedisServer | 'not installed' | undefined> {
  const port = options.port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'cf-redis-'));
  const common = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const sentinelFile = join(folder, 'sentinel.conf');
  if (options.sentinel !== undefined) writeFileSync(sentinelFile, options.sentinel.join('\n') + '\n');
  const args =
    options.sentinel === undefined
      ? [...common, '--save', '', '--appendonly', 'no', ...(options.settings ?? [])]
      : [sentinelFile, '--sentinel', ...common];
  const shell = spawn('sh', ['-c', keeper, folder, 'redis-server', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const gone = once(shell, 'exit');
  const pid = await untilReady(shell, options.ready ?? 'Ready to accept connections');
  if (pid === 'not installed' || pid === undefined) {
    shell.stdin.end();
    rmSync(folder, { recursive: true, force: true });
    return pid;
  }
  async function kill(): Promise<void> {
    if (shell.exitCode === null && shell.signalCode === null) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It went by itself.
      }
    }
    await gone;
  }
  return {
    port,
    folder,
    pause: () => void process.kill(pid, 'SIGSTOP'),
    resume() {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // It is gone: there is nothing to go on with.
      }
    },
    kill,
    async stop() {
      await kill();
      shell.stdin.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function untilReady(shell: ChildProcess, ready: string): Promise<number | 'not installed' | undefined> {
  return new Promise((resolve) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(ready)) resolve(Number(/PID (\d+)/.exec(output)?.[1]));
    };
    shell.stdout?.on('data', read);
    shell.stderr?.on('data', read);
    shell.once('exit', () => resolve(/not found/.test(output) ? 'not installed' : undefined));
  });
}

/** A server for a test that cannot do with a shared one; undefined: redis-server is not installed. */
export async function startOwn(
  make: () => Promise<RedisServerOptions> | RedisServerOptions,
): Promise<RedisServer | undefined> {
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const server = await startRedisServer(await make());
    if (server === 'not installed') return undefined;
    if (server !== undefined) return server;
  }
  throw new Error('redis-server does not start on any port.');
}
