#!/usr/bin/env node
// Plain JavaScript that old versions of Node read too: it looks at the version, then loads the program.
import { spawn } from 'child_process';
import { existsSync } from 'fs';
import { constants } from 'os';
import { dirname, join } from 'path';
import { fileURLToPath, pathToFileURL } from 'url';

const neededMajor = 24;
/** Name of the process that was started below; it starts no other one. */
const restartedAs = 'credentialflow-node';

const self = fileURLToPath(import.meta.url);
const home = dirname(dirname(self));

if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  load();
} else {
  const node = process.argv0 === restartedAs ? undefined : findNode();
  if (node === undefined) refuse();
  else restart(node);
}

function load() {
  // Secrets live in memory: no diagnostic report may hold them, whatever NODE_OPTIONS says.
  process.report.reportOnFatalError = false;
  process.report.reportOnSignal = false;
  process.report.reportOnUncaughtException = false;
  quietSqlite();
  const source = join(home, 'sidecar', 'main.ts');
  const built = join(home, 'dist', 'main.js');
  const program = existsSync(source) ? source : built;
  import(pathToFileURL(program).href).then(
    (main) => main.run(),
    (error) => {
      const why = process.env.CREDENTIALFLOW_DEBUG === '1' ? error.stack : error.message;
      process.stderr.write('error: CredentialFlow cannot be loaded: ' + why + '\n');
      process.exit(1);
    },
  );
}

/** The first versions of Node 24 call node:sqlite experimental at each start; what we rely on is stable in all of them. */
function quietSqlite() {
  const emitWarning = process.emitWarning;
  process.emitWarning = function (warning, ...rest) {
    if (!/^SQLite is an experimental feature/.test(String(warning))) emitWarning.call(process, warning, ...rest);
  };
}

/** The Node that came with the package as an optional dependency, in its own node_modules or above. */
function findNode() {
  if (process.platform !== 'linux') return undefined;
  for (let folder = home; ; folder = dirname(folder)) {
    const node = join(folder, 'node_modules', 'node-linux-' + process.arch, 'bin', 'node');
    if (existsSync(node)) return node;
    if (dirname(folder) === folder) return undefined;
  }
}

function restart(node) {
  const child = spawn(node, process.execArgv.concat(self, process.argv.slice(2)), {
    stdio: 'inherit',
    argv0: restartedAs,
  });
  const forward = (signal) => child.kill(signal);
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  signals.forEach((signal) => process.on(signal, forward));
  child.on('error', (error) => {
    process.stderr.write('error: ' + node + ' cannot be started: ' + error.message + '\n');
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    // Ends as the child did, so that a supervisor sees the same.
    signals.forEach((name) => process.removeListener(name, forward));
    process.kill(process.pid, signal);
    process.exitCode = 128 + (constants.signals[signal] || 0);
  });
}

function refuse() {
  process.stderr.write(
    'error: CredentialFlow needs Node.js ' +
      neededMajor +
      ' or newer; this is ' +
      process.version +
      '.\n' +
      'fix: install Node.js ' +
      neededMajor +
      ' (https://nodejs.org), use the container image, or run `npm ci` in the\n' +
      '     repository, which brings one for Linux on x64 and arm64.\n',
  );
  process.exit(1);
}
