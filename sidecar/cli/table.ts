/** Columns that line up, two spaces apart; the last one runs on. */
export function formatTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  bold: (text: string) => string = (text) => text,
): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = columns.map((name, i) =>
    clean.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), name.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [bold(line(columns)), ...clean.map(line)].join('\n');
}

/** Nested facts as indented lines, for people. */
export function formatFacts(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return `${indent}${plain(value)}`;
  const entries = Array.isArray(value)
    ? value.map((entry: unknown) => ['-', entry] as const)
    : Object.entries(value as Readonly<Record<string, unknown>>).map(([name, child]) => [`${name}:`, child] as const);
  return entries
    .filter(([, child]) => child !== undefined)
    .map(([name, child]) =>
      isShort(child) ? `${indent}${name} ${plain(child)}` : `${indent}${name}\n${formatFacts(child, `${indent}  `)}`,
    )
    .join('\n');
}

function isShort(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((entry) => typeof entry !== 'object' || entry === null);
  return Object.keys(value).length === 0;
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(plain).join(', ');
  if (typeof value === 'string') return printable(value);
  return typeof value === 'object' ? '-' : JSON.stringify(value);
}

/** What others wrote must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?'); // eslint-disable-line no-control-regex
}
