import type { Finding, Severity } from '../rule.ts';

export type Paint = (style: 'red' | 'yellow' | 'dim' | 'bold', text: string) => string;

const colours: Readonly<Record<Severity, 'red' | 'yellow' | 'dim'>> = { error: 'red', warning: 'yellow', info: 'dim' };

/** Findings by file, each with its place, why it matters and what to do. */
export function formatHuman(findings: readonly Finding[], paint: Paint): string {
  const lines: string[] = [];
  let file: string | undefined;
  for (const finding of findings) {
    if (finding.file !== file) {
      if (file !== undefined) lines.push('');
      lines.push(paint('bold', finding.file));
      ({ file } = finding);
    }
    const { severity, rule, title, message, why, fix, path, line, column } = finding;
    const place = line === undefined ? '' : `${line}:${column ?? 1} `;
    lines.push(
      `  ${place}${paint(colours[severity], severity)} ${title}: ${message} ${paint('dim', `[${rule}]`)}`,
      ...(path === '' ? [] : [`    ${paint('dim', 'at: ')} ${path}`]),
      `    ${paint('dim', 'why:')} ${why}`,
      `    ${paint('dim', 'fix:')} ${fix}${finding.fixable ? ' (--fix does it)' : ''}`,
    );
  }
  return lines.join('\n');
}

export function formatSummary(counts: Readonly<Record<Severity, number>>, checked: readonly string[]): string {
  const what = checked.join(', ');
  if (counts.error + counts.warning + counts.info === 0) return `Checked ${what}: no findings.`;
  return `Checked ${what}: ${counted(counts.error, 'error')}, ${counted(counts.warning, 'warning')}, ${counted(counts.info, 'info')}.`;
}

function counted(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
}
