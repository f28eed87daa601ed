import { CredentialFlowError } from '../core/error.ts';
import type { Problem } from '../core/error.ts';
import { exitCodes } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { formatPlace } from './format-problem.ts';
import type { Terminal } from './terminal.ts';

/** `1` shows where an error came from. */
export const debugVariable = 'CREDENTIALFLOW_DEBUG';

/** Why a command did not do what it was asked to. `message` and `fix` are one line each and hold no secret. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;
  /** Stable; `usage`, `unreachable`, or a code of the error table. */
  readonly code: string;
  readonly fix: string | undefined;
  readonly problems: readonly Problem[];

  constructor(
    exitCode: ExitCode,
    message: string,
    more: {
      readonly code?: string;
      readonly fix?: string;
      readonly problems?: readonly Problem[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.code = more.code ?? 'failed';
    this.fix = more.fix;
    this.problems = more.problems ?? [];
  }
}

export function usageFailure(message: string, fix?: string): CliFailure {
  return new CliFailure(exitCodes.usage, message, { code: 'usage', ...(fix === undefined ? {} : { fix }) });
}

/** Writes the error in a line or two (a problem each a line) to stderr and says how to exit. */
export function reportFailure(thrown: unknown, terminal: Terminal, json: boolean): ExitCode {
  const failure = asFailure(thrown);
  const { message, code, fix, problems, exitCode } = failure;
  if (json) {
    const error = { code, message, ...(fix === undefined ? {} : { fix }), errors: problems, exit_code: exitCode };
    terminal.err(`${JSON.stringify({ error })}\n`);
  } else {
    const { paint } = terminal;
    terminal.err(`${paint('red', 'error:')} ${message}\n`);
    const [only] = problems;
    const isSaid = problems.length === 1 && only?.message === message && only.file === undefined;
    if (!isSaid) for (const problem of problems) terminal.err(`  ${formatPlace(problem)}\n`);
    const advice = isSaid ? (only.fix ?? fix) : fix;
    if (advice !== undefined && !isInErrors(problems, advice)) terminal.err(`${paint('dim', 'fix:')} ${advice}\n`);
  }
  if (terminal.env[debugVariable] === '1' && thrown instanceof Error) {
    terminal.err(`${thrown.stack ?? ''}\n${thrown.cause instanceof Error ? (thrown.cause.stack ?? '') : ''}\n`);
  }
  return exitCode;
}

/** The table's fix for bad input only says that the problems say it. */
function isInErrors(problems: readonly Problem[], fix: string): boolean {
  return problems.length > 0 && fix.startsWith('The `errors` of the answer');
}

const invalidCodes = new Set(['config_invalid', 'resource_invalid', 'secret_invalid']);

function asFailure(thrown: unknown): CliFailure {
  if (thrown instanceof CliFailure) return thrown;
  if (thrown instanceof CredentialFlowError) {
    const exitCode = invalidCodes.has(thrown.code) ? exitCodes.invalid : exitCodes.failed;
    const [message = ''] = thrown.message.split('\n');
    const { code, problems, row } = thrown;
    return new CliFailure(exitCode, message, { code, problems, fix: row.fix, cause: thrown });
  }
  const why = thrown instanceof Error ? thrown.message.split('\n')[0] : undefined;
  return new CliFailure(exitCodes.failed, why ?? 'something failed inside', {
    code: 'internal',
    fix: 'CREDENTIALFLOW_DEBUG=1 shows where',
    cause: thrown,
  });
}
