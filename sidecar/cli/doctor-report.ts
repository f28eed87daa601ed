import type { DoctorReport } from '../gateway/doctor/doctor.ts';
import type { Finding } from '../gateway/doctor/finding.ts';
import type { Terminal } from './terminal.ts';

const words = { ok: 'ok', failed: 'FAILED', skipped: 'skipped' } as const;
const styles = { ok: 'green', failed: 'red', skipped: 'yellow' } as const;

/** A line for each check, the fix below what failed. */
export function describeReport({ findings, left }: DoctorReport, terminal: Terminal): string {
  const lines = findings.flatMap(({ check, outcome, message, fix }) => [
    `${terminal.paintOut(styles[outcome], words[outcome].padEnd(7))}  ${check}: ${message}`,
    ...(fix === undefined ? [] : [`         fix: ${fix}`]),
  ]);
  const count = (outcome: Finding['outcome']): number =>
    findings.filter((finding) => finding.outcome === outcome).length;
  return [
    ...lines,
    ...left.map((what) => `! could not be removed: ${what}`),
    `${count('ok')} ok, ${count('failed')} failed, ${count('skipped')} skipped.`,
  ].join('\n');
}

export function reportAsJson({ findings, left }: DoctorReport) {
  return { ok: findings.every(({ outcome }) => outcome !== 'failed'), checks: findings, left };
}
