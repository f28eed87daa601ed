import type { InputFile } from './read/read-configuration.ts';
import type { Finding } from './rule.ts';

const comment = /#\s*credentialflow-lint-ignore\s+([a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)\s+\S/;

/**
 * `# credentialflow-lint-ignore RULE[, RULE] reason`, at the end of a line or on a line of its own before it. A comment
 * without a reason ignores nothing.
 */
export function ignoresOf(files: readonly InputFile[]): (finding: Finding) => boolean {
  const ignored = new Set<string>();
  for (const { file, text } of files) {
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      const rules = comment.exec(line)?.[1]?.split(/\s*,\s*/) ?? [];
      let target = index;
      if (line.trimStart().startsWith('#')) {
        while (target < lines.length && (lines[target] ?? '').trimStart().startsWith('#')) target += 1;
      }
      for (const rule of rules) ignored.add(`${file}\n${target + 1}\n${rule}`);
    }
  }
  return ({ file, line, rule }) => ignored.has(`${file}\n${line ?? 0}\n${rule}`);
}
