import type { TransferOptions } from '../stores/transfer.ts';
import type { Terminal } from './terminal.ts';

/** A line for every table and every so many rows of it. */
const everyRows = 50_000;

/** Progress of a transfer, on stderr. */
export function showCopyProgress(terminal: Terminal): NonNullable<TransferOptions['onProgress']> {
  let shown = '';
  return (step, table, rows) => {
    const line = `${step}: ${table}, ${String(Math.floor(rows / everyRows))}`;
    if (line === shown) return;
    shown = line;
    const so = rows < everyRows ? '' : ` (${rows.toLocaleString('en')} rows so far)`;
    terminal.err(`${step === 'copy' ? 'copying' : 'verifying'} ${table}${so}\n`);
  };
}

/** `resources 3, tokens 1`: what a copy holds, for people. */
export function describeRows(rows: Readonly<Record<string, number>>): string {
  return Object.entries(rows)
    .map(([table, count]) => `${table} ${count.toLocaleString('en')}`)
    .join(', ');
}
