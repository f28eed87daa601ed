import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

export function section(title: string): string {
  const from = operations.indexOf(`\n## ${title}\n`);
  assert.ok(from >= 0, title);
  const to = operations.indexOf('\n## ', from + 1);
  return operations.slice(from, to < 0 ? undefined : to);
}

/** The cells of the first table of a text; its first line is the header. */
export function tableOf(part: string): readonly (readonly string[])[] {
  const lines = part.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  const [header = '', , ...rows] = lines.slice(first, first + length);
  return [header, ...rows].map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** What stands between backticks. */
export function quoted(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner ?? '');
}

export const isEvent = (name: string): boolean => /^[a-z]+(_[a-z]+)*$/.test(name);

/** A row of the table of what happens when a part dies. */
export interface PartRow {
  readonly fault: string;
  readonly clients: string;
  readonly metrics: string;
  readonly reasons: string;
  readonly log: string;
  readonly back: string;
}

export function partRows(): readonly PartRow[] {
  const [, ...rows] = tableOf(section('What happens when a part dies'));
  const read: PartRow[] = [];
  for (const [fault = '', clients = '', metrics = '', reasons = '', log = '', back = ''] of rows) {
    const above = read.at(-1);
    /** `the same; …` begins with what the row above says. */
    const whole = (cell: string, of: keyof PartRow): string => cell.replace(/^the same\b/, () => above?.[of] ?? '');
    read.push({
      fault,
      clients: whole(clients, 'clients'),
      metrics: whole(metrics, 'metrics'),
      reasons: whole(reasons, 'reasons'),
      log: whole(log, 'log'),
      back: whole(back, 'back'),
    });
  }
  return read;
}
