import { readFileSync, statSync } from 'node:fs';
import type { Problem } from '../core/error.ts';
import { whyUnreadable } from './read-file.ts';

const maxFileBytes = 64 * 1_024 * 1_024;

/** Reads the files; one that cannot be read is a problem among the others. */
export function readResourceTexts(files: readonly string[]): {
  readonly texts: readonly { readonly text: string; readonly file: string }[];
  readonly problems: readonly Problem[];
} {
  const texts: { readonly text: string; readonly file: string }[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const text = readText(file);
    if (typeof text === 'string') texts.push({ text, file });
    else problems.push(text);
  }
  return { texts, problems };
}

function readText(file: string): string | Problem {
  const problem = (message: string): Problem => ({ severity: 'error', message, file });
  try {
    if (statSync(file).size > maxFileBytes) return problem('the file is larger than 64 MiB');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    return problem(`the file ${error instanceof TypeError ? 'is not UTF-8' : whyUnreadable(error)}`);
  }
}
