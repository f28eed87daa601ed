/** A real PostgreSQL for a test file: a server of its own, or databases of the one that TEST_POSTGRES_URL names. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from './free-port.ts';

export interface TestPostgres {
  /** URL of the server's own database, as its superuser. */
  readonly adminUrl: string;
  /** URL of a database that is new and empty; `options` go behind it (`schema=x`). */
  database(options?: string): Promise<string>;
  /** A plain client, for looking at what was stored, for standing in the way and for what only a superuser may. */
  connect(url: string): Promise<Client>;
  readonly host: string;
  readonly port: number;
  /** False on a shared server: it cannot be paused, killed or restarted. */
  readonly own: boolean;
  /** SIGSTOP for every process of the server: it accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGKILL for every process of the server; `restart` or `stop` comes later. */
  kill(): Promise<void>;
  /** On the same port with the same data. */
  restart(): Promise<void>;
  /** The same, as a server that was promoted: it writes another timeline. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestPostgresOptions {
  /** Settings of postgresql.conf, e.g. `max_connections=20`. */
  readonly settings?: readonly string[];
  /** Lines of pg_hba.conf instead of a password (scram) for everybody. */
  readonly hba?: string;
  /** Files for the data directory, e.g. a certificate. */
  readonly files?: Readonly<Record<string, string>>;
}

export const testUser = 'cf';
export const testPassword = 'hunter2-of-the-store';

/** A server of this machine's PostgreSQL on a free port in a temporary folder, else the server of TEST_POSTGRES_URL. */
export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const bin = postgresBin();
  if (bin === undefined) return useShared();
  const folder = mkdtempSync(join(tmpdir(), 'cf-postgres-'));
  const data = join(folder, 'data');
  const ids = serverIds();
  if (ids.uid !== undefined) chownSync(folder, ids.uid, ids.gid ?? 0);
  let server: ChildProcess | undefined;
  const signalAll = (signal: NodeJS.Signals): void => signalServer(server, signal);
  // Whatever ends this process must not leave a server behind.
  const onExit = (): void => {
    signalAll('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', onExit);

  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${testPassword}\n`);
  if (ids.uid !== undefined) chownSync(passwordFile, ids.uid, ids.gid ?? 0);
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', testUser, '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C', '-N'],
    { ...ids, cwd: folder, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  if (options.hba !== undefined) writeFileSync(join(data, 'pg_hba.conf'), options.hba);
  for (const [name, text] of Object.entries(options.files ?? {})) {
    writeFileSync(join(data, name), text, { mode: 0o600 });
    if (ids.uid !== undefined) chownSync(join(data, name), ids.uid, ids.gid ?? 0);
  }
  const settings = ['fsync=off', 'full_page_writes=off', 'shared_buffers=32MB', ...(options.settings ?? [])];

  async function begin(port: number, more: readonly string[] = []): Promise<boolean> {
    const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, ...more];
    const child = spawn(join(bin ?? '', 'postgres'), [...args, ...settings.flatMap((setting) => ['-c', setting])], {
      ...ids,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    server = child;
    return new Promise((resolve) => {
      let output = '';
      child.once('exit', () => resolve(false));
      child.stderr.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const isReady = /ready to accept (read-only )?connections/.test(output);
        if (isReady && (more.length === 0 || /archive recovery complete/.test(output))) resolve(true);
      });
    });
  }

  let port = 0;
  for (let attempt = 1; ; attempt += 1) {
    port = await freePort();
    if (await begin(port)) break;
    if (attempt === 5) throw new Error('postgres does not start on any port.');
  }

  const databases = createDatabases(`postgres://${testUser}:${testPassword}@127.0.0.1:${port}/postgres`);
  async function kill(): Promise<void> {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    signalAll('SIGKILL');
    await gone;
  }
  async function restart(more?: readonly string[]): Promise<void> {
    await kill();
    rmSync(join(data, 'postmaster.pid'), { force: true });
    // What it forked while its children were killed ends by itself, a moment later: until then the port is taken.
    for (let attempt = 1; !(await begin(port, more)); attempt += 1) {
      if (attempt === 20) throw new Error('postgres does not start again.');
      await sleep(250);
    }
  }
  return {
    ...databases,
    host: '127.0.0.1',
    port,
    own: true,
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    kill,
    restart,
    async failOver() {
      await kill();
      // It recovers from its own log, finds nothing more, and goes on as a primary of the next timeline.
      writeFileSync(join(data, 'recovery.signal'), '');
      if (ids.uid !== undefined) chownSync(join(data, 'recovery.signal'), ids.uid, ids.gid ?? 0);
      await restart(['-c', 'restore_command=false']);
    },
    async stop() {
      await databases.close();
      await kill();
      process.off('exit', onExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The folder of the server's programs, which Debian keeps away from the PATH. */
export function postgresBin(): string | undefined {
  const newestFirst = (a: string, b: string): number => Number(/\d+/.exec(b)?.[0]) - Number(/\d+/.exec(a)?.[0]);
  const [debian] = globSync('/usr/lib/postgresql/*/bin/postgres').sort(newestFirst);
  if (debian !== undefined) return dirname(debian);
  const config = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  const bin = config.status === 0 ? config.stdout.trim() : '';
  if (bin !== '' && globSync(join(bin, 'initdb')).length > 0) return bin;
  const onPath = spawnSync('sh', ['-c', 'command -v initdb'], { encoding: 'utf8' }).stdout.trim();
  return onPath === '' ? undefined : dirname(onPath);
}

/** It refuses to run as root. */
function serverIds(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = users.find((user) => user.startsWith('postgres:')) ?? users.find((user) => user.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) };
}

/** The postmaster and its children, of which each is a session of its own. */
function signalServer(server: ChildProcess | undefined, signal: NodeJS.Signals): void {
  const pid = server?.pid;
  if (pid === undefined || server?.exitCode !== null || server.signalCode !== null) return;
  const children = childrenOf(pid);
  // The postmaster first when it must not start anything more, last when it must find its children awake.
  const all = signal === 'SIGCONT' ? [...children, pid] : [pid, ...children];
  for (const each of all) {
    try {
      process.kill(each, signal);
    } catch {
      // Gone already.
    }
  }
}

function childrenOf(pid: number): readonly number[] {
  // Not every system has /proc, not every container has ps.
  const list = `/proc/${pid}/task/${pid}/children`;
  const text = existsSync(list)
    ? readFileSync(list, 'utf8')
    : spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout;
  return text
    .split(/\s+/)
    .map(Number)
    .filter((child) => child > 0);
}

function createDatabases(adminUrl: string) {
  const clients: Client[] = [];
  const made: string[] = [];
  async function connect(url: string): Promise<Client> {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  }
  async function once(sql: string): Promise<void> {
    const client = new Client({ connectionString: adminUrl });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }
  return {
    adminUrl,
    connect,
    async database(options = '') {
      const name = `cf_test_${randomBytes(6).toString('hex')}`;
      await once(`CREATE DATABASE ${name} ENCODING 'UTF8' TEMPLATE template0`);
      made.push(name);
      const url = new URL(adminUrl);
      url.pathname = name;
      url.search = options;
      return url.href;
    },
    async close(drop = false) {
      for (const client of clients) {
        client.end().catch(() => undefined);
        // A server that hangs or is gone says no farewell.
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      }
      if (drop) for (const name of made) await once(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

function useShared(): TestPostgres {
  const text = process.env['TEST_POSTGRES_URL'];
  if (text === undefined || text === '') {
    throw new Error(
      'The tests need a real PostgreSQL: install it (Debian: apt-get install postgresql), ' +
        'or name a server where the user may create databases: TEST_POSTGRES_URL=postgres://user:password@127.0.0.1/postgres',
    );
  }
  const url = new URL(text);
  const databases = createDatabases(text);
  const notOurs = (): never => {
    throw new Error('The PostgreSQL of TEST_POSTGRES_URL is shared: look at `own` first.');
  };
  return {
    ...databases,
    host: url.hostname,
    port: url.port === '' ? 5432 : Number(url.port),
    own: false,
    pause: notOurs,
    resume: notOurs,
    kill: async () => notOurs(),
    restart: async () => notOurs(),
    failOver: async () => notOurs(),
    stop: () => databases.close(true),
  };
}
