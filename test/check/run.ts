/**
 * `npm run check`: every check, two at a time, quiet unless one fails. Exit code 1 when one does. `-- --but-coverage`
 * leaves out the gate that `npm test -- --coverage` holds as well, so that CI runs no test twice.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const checks: readonly Check[] = [
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'lint', command: ['eslint', '.', '--max-warnings', '0'] },
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'import rules', command: ['depcruise', '--config', '.dependency-cruiser.cjs', 'sidecar'] },
  { name: 'dead code', command: ['knip'] },
  ...(existsSync('docs/generate.ts') ? [{ name: 'docs', command: ['node', 'docs/generate.ts', '--check'] }] : []),
  { name: 'coverage', command: ['node', 'test/check/coverage.ts'] },
];

function run(check: Check): Promise<boolean> {
  const [command = '', ...args] = check.command;
  const started = performance.now();
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${check.name} (${seconds} s)`);
      if (code !== 0) console.log(`\n$ ${check.command.join(' ')}\n${output.trim()}\n`);
      else if (check.name === 'coverage') console.log(output.trimEnd());
      resolve(code === 0);
    });
  });
}

/** The commands come from node_modules/.bin, which npm puts on the PATH. */
const waiting = checks.filter(({ name }) => name !== 'coverage' || !process.argv.includes('--but-coverage'));
async function work(): Promise<boolean> {
  let good = true;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) good = (await run(next)) && good;
  return good;
}

const results = await Promise.all([work(), work()]);
process.exitCode = results.every(Boolean) ? 0 : 1;
