import { readFileSync } from 'node:fs';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a directory',
  EACCES: 'may not be read by this user',
};

/** Why a file could not be read, as the end of a sentence that begins with its name. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return reasons[code] ?? 'cannot be read';
}

/** The text of a file that was named on the command line. Throws a CliFailure that says `shown` and why. */
export function readFile(path: string, shown: string = path, fix = 'look at its name and its permissions'): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliFailure(exitCodes.failed, `${shown} ${whyUnreadable(error)}`, {
      code: 'unreadable',
      fix,
      cause: error,
    });
  }
}
