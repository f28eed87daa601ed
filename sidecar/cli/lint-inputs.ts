import { readFileSync, statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { InputFile } from '../gateway/lint/read/read-configuration.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { whyUnreadable } from './read-file.ts';

const maxFileBytes = 64 * 1_024 * 1_024;

/** The files' texts, named as they would be typed here. */
export function readInputs(files: readonly string[], { cwd }: Pick<Terminal, 'cwd'>): readonly InputFile[] {
  return files.map((file) => {
    const path = resolve(cwd, file);
    return { file: relative(cwd, path), text: readInput(path, file) };
  });
}

export function readInput(path: string, shown: string): string {
  const fail = (why: string, fix: string) =>
    new CliFailure(exitCodes.failed, `${shown} ${why}`, { code: 'unreadable', fix });
  try {
    if (statSync(path).size > maxFileBytes) throw fail('is larger than 64 MiB', 'give the part that holds the routes');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    if (error instanceof TypeError) throw fail('is not UTF-8', 'store it as UTF-8');
    throw fail(whyUnreadable(error), 'look at its name and its permissions');
  }
}
