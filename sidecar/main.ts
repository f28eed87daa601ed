import { runProgram } from './cli/program.ts';
import { createTerminal } from './cli/terminal.ts';

/** One command line, from its arguments (without `node` and the file) to its exit code. Never rejects. */
export async function main(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return runProgram(argv, createTerminal(env));
}

/** The process: runs its arguments, then ends, whatever still keeps it busy. Called by bin/credentialflow.js. */
export function run(): void {
  for (const stream of [process.stdout, process.stderr]) {
    // `credentialflow get … | head` closes the pipe early; that is no failure.
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
  void main(process.argv.slice(2), process.env).then((code) => {
    // After what was written has left.
    process.stdout.write('', () => process.exit(code));
  });
}

if (import.meta.main) run();
