import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { applyMends } from '../gateway/lint/mend/apply-mends.ts';
import type { InputFile } from '../gateway/lint/read/read-configuration.ts';
import type { LintResult } from '../gateway/lint/lint.ts';
import type { Terminal } from './terminal.ts';

/** Mends the files in place and says on stderr what it did. Returns their new texts. */
export function fixFiles(
  inputs: readonly InputFile[],
  { mends }: Pick<LintResult, 'mends'>,
  terminal: Terminal,
): readonly InputFile[] {
  return inputs.map((input) => {
    if (input.live === true) return input;
    const own = mends.filter(({ finding }) => finding.file === input.file);
    const { text, left } = applyMends(
      input.text,
      own.flatMap((one) => one.mends),
    );
    if (text === input.text) return input;
    replace(resolve(terminal.cwd, input.file), text);
    for (const { finding, mends: done } of own) {
      if (done.some((mend) => left.includes(mend))) continue;
      terminal.err(`fixed ${finding.file}:${finding.line ?? 0} ${finding.message} [${finding.rule}]\n`);
    }
    return { ...input, text };
  });
}

/** A temporary file and a rename: nobody reads half a file, the gateway's own poll included. */
function replace(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.new`);
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode: statSync(path).mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
