import { randomInt } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import type { StoreCopy, StoreIdentity } from '../core/ports.ts';
import { copyTableNames, copyTables, laterColumns, oldestCopyFormat, storeCopyFormat } from '../core/store-copy.ts';
import type { ColumnType, CopyPart, CopyRow, CopyTable } from '../core/store-copy.ts';

/** Judges a copy part by part, on its way into a store. The store's own keys tell what comes twice. */
export interface CopyIntake {
  /** The rows to insert. Throws `copy_invalid`; messages name the table and the column, never a value. */
  take(part: CopyPart): { readonly table: CopyTable; readonly rows: readonly CopyRow[] } | undefined;
  /** After the last part: how many rows there were. Throws `copy_invalid` for a copy that broke off. */
  finish(): Readonly<Record<CopyTable, number>>;
}

export type CopyHead = Omit<StoreCopy, 'parts'>;

/** Throws `copy_newer` or `copy_invalid` for a head that cannot be one. */
export function createCopyIntake(head: CopyHead): CopyIntake {
  checkHead(head);
  const counts = Object.fromEntries(copyTableNames.map((name) => [name, 0])) as Record<CopyTable, number>;
  let at = 0;
  let ended = false;
  return {
    take(part) {
      if (ended) throw invalid('the copy goes on after its end');
      if ('end' in part) {
        checkCounts(counts, part.end);
        ended = true;
        return undefined;
      }
      const { table, rows } = part;
      const place = copyTableNames.indexOf(table);
      if (place < at || !Array.isArray(rows)) throw invalid('the copy has a part that does not belong there');
      at = place;
      for (const row of rows) checkRow(table, row, head);
      counts[table] += rows.length;
      return { table, rows };
    },
    finish() {
      if (!ended) throw invalid('the copy breaks off before its end');
      return counts;
    },
  };
}

/**
 * Who the copy is once it is loaded. The step of the epoch is random: two restores of one old backup, on machines that
 * know nothing of each other, must not meet in a shared cache under one epoch.
 */
export function identityOfCopy(head: CopyHead, aboveEpoch = 0): StoreIdentity {
  const { storeId, epoch, revision } = head;
  return { storeId, epoch: Math.max(epoch, aboveEpoch) + randomInt(1, 2 ** 31), revision };
}

function checkHead({ format, storeId, epoch, revision }: CopyHead): void {
  if (Number.isSafeInteger(format) && format > storeCopyFormat) {
    throw new CredentialFlowError('copy_newer', `the copy has format ${format}, this version knows ${storeCopyFormat}`);
  }
  const isHead =
    Number.isSafeInteger(format) &&
    format >= oldestCopyFormat &&
    typeof storeId === 'string' &&
    /^[\w-]{1,64}$/.test(storeId) &&
    [epoch, revision].every((number) => Number.isSafeInteger(number) && number >= 0);
  if (!isHead) throw invalid('the copy does not say of which store it is');
}

function checkCounts(counts: Readonly<Record<CopyTable, number>>, end: unknown): void {
  const said = (end ?? {}) as Readonly<Partial<Record<CopyTable, unknown>>>;
  for (const name of copyTableNames) {
    if (said[name] !== counts[name]) throw invalid(`the copy lacks rows of ${name}, or has too many`);
  }
}

function checkRow(table: CopyTable, row: unknown, { format, revision }: CopyHead): void {
  const columns: Readonly<Record<string, ColumnType>> = copyTables[table].columns;
  const names = Object.keys(columns).filter(
    (name) => format === storeCopyFormat || !laterColumns.has(`${table}.${name}`),
  );
  if (typeof row !== 'object' || row === null || Object.keys(row).length !== names.length) {
    throw invalid(`a row of ${table} has other columns`);
  }
  const values = row as Readonly<Record<string, unknown>>;
  for (const name of names) {
    if (!fits(values[name], columns[name])) throw invalid(`a row of ${table} has a wrong ${name}`);
  }
  if (Number(values['revision'] ?? 0) > revision) throw invalid(`a row of ${table} is newer than the copy`);
  if (table === 'tokens' && !/^[0-9a-f]{64}$/.test(String(values['sha256']))) {
    throw invalid('a row of tokens has a wrong sha256');
  }
  if (table === 'resources' && !isJsonObject(String(values['spec']))) throw invalid('a row of resources has no spec');
}

function fits(value: unknown, type: ColumnType | undefined): boolean {
  if (value === null) return type === 'text or null' || type === 'integer or null';
  if (type === 'text' || type === 'text or null') return typeof value === 'string';
  return Number.isSafeInteger(value);
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

export function invalid(message: string): CredentialFlowError {
  return new CredentialFlowError('copy_invalid', message);
}
