/**
 * `npm run check:pack`: builds, packs and installs the package as a stranger would get it, in a folder of its own, and
 * runs it there: version, init, check, and serve until it is ready. Exit code 1 with what failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Longest wait for `serve`, milliseconds. */
const readyWithinMs = 20_000;

interface Manifest {
  readonly name: string;
  readonly files: readonly string[];
  readonly version: string;
  readonly [field: string]: unknown;
}

const work = mkdtempSync(join(tmpdir(), 'credentialflow-pack-'));
try {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  step('build');
  run('.', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  step('pack');
  const tarball = pack(stage(manifest));
  step('install elsewhere');
  const home = install(tarball);
  await tryOut(home, manifest);
  console.log('The package installs and runs.');
} catch (error) {
  console.error(`FAILED ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** What is published: without the Node binaries (a consumer has its own Node), scripts and development tools. */
function stage(manifest: Manifest): string {
  const folder = join(work, 'stage');
  mkdirSync(folder);
  const { optionalDependencies: _binaries, devDependencies: _tools, scripts: _scripts, ...published } = manifest;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(published, null, 2));
  for (const name of manifest.files) if (existsSync(name)) cpSync(name, join(folder, name), { recursive: true });
  return folder;
}

function pack(folder: string): string {
  const output = run(folder, 'npm', ['pack', '--json', '--pack-destination', work]);
  const [packed] = JSON.parse(output) as readonly {
    readonly filename: string;
    readonly files: readonly { path: string }[];
  }[];
  if (packed === undefined) throw new Error('npm pack wrote no tarball');
  const stray = packed.files.filter(({ path }) => /(^|\/)(test|bench|node_modules|data)\/|[.]ts$|[.]env/.test(path));
  if (stray.length > 0) throw new Error(`the tarball holds ${stray.map(({ path }) => path).join(', ')}`);
  return join(work, packed.filename);
}

function install(tarball: string): string {
  const home = join(work, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{ "name": "stranger", "private": true }');
  run(home, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball]);
  return home;
}

async function tryOut(home: string, manifest: Manifest): Promise<void> {
  const bin = join(home, 'node_modules/.bin/credentialflow');
  const command = (args: readonly string[]): string => {
    step(`credentialflow ${args.join(' ')}`);
    return run(home, bin, args);
  };
  const version = command(['version']);
  if (!version.includes(manifest.version)) throw new Error(`version answered ${JSON.stringify(version)}`);
  command(['init']);
  for (const name of ['credentialflow.yaml', 'resources.yaml']) {
    if (!existsSync(join(home, name))) throw new Error(`init wrote no ${name}`);
  }
  command(['check']);
  step('credentialflow serve');
  await serve(home, bin);
}

/** Starts it, waits for its ready line and /readyz, and stops it as a supervisor would. */
async function serve(home: string, bin: string): Promise<void> {
  const child = spawn(bin, ['serve'], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...environment(),
      CREDENTIALFLOW_DATA_DIR: join(home, 'data'),
      CREDENTIALFLOW_DATA_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_ADMIN_LISTEN: '127.0.0.1:0',
      CREDENTIALFLOW_METRICS_LISTEN: '127.0.0.1:0',
    },
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  let output = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const give = (why: string) => () => reject(new Error(`serve ${why}:\n${output}`));
      const timer = setTimeout(give('was not ready in time'), readyWithinMs);
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        if (!output.includes('"event":"ready"')) return;
        clearTimeout(timer);
        resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      void ended.then(give('ended early'));
    });
  } finally {
    child.kill('SIGTERM');
  }
  const code = await ended;
  if (code !== 0) throw new Error(`serve ended with ${String(code)} after SIGTERM:\n${output}`);
}

function step(name: string): void {
  console.log(`pack: ${name}`);
}

function run(cwd: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env: environment() });
  if (error !== undefined) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(status)}:\n${stdout}${stderr}`);
  return stdout;
}

/** This Node first on the PATH, and none of the CREDENTIALFLOW_* and npm_* variables of the one who calls. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(CREDENTIALFLOW_|npm_(?!config_(registry|cache)))/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
}
