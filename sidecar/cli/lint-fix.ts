import { resolve } from 'node:path';
import { applyMends } from '../gateway/lint/mend/apply-mends.ts';
import type { InputFile } from '../gateway/lint/read/read-configuration.ts';
import { replaceFile } from '../gateway/replace-file.ts';
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
    replaceFile(resolve(terminal.cwd, input.file), text);
    for (const { finding, mends: done } of own) {
      if (done.some((mend) => left.includes(mend))) continue;
      terminal.err(`fixed ${finding.file}:${finding.line ?? 0} ${finding.message} [${finding.rule}]\n`);
    }
    return { ...input, text };
  });
}
