import type { Store } from '../core/ports.ts';
import type { ResourceRecordOf } from '../core/resources.ts';
import { readSealedHeader } from './sealed-header.ts';

/** A credential whose secret is sealed, and with which master key. */
export interface SealedRow {
  readonly record: ResourceRecordOf<'credential'>;
  readonly sealed: string;
  /** Undefined for a value that does not say. */
  readonly version: string | undefined;
}

/** Rows that are named where a list would have no end. */
export const namedRows = 20;

export function bindingOf(row: Pick<SealedRow, 'record'>): string {
  return `credential/${row.record.id}`;
}

/** One page of credentials, those with a sealed secret; `next` is where to go on, undefined at the end. */
export async function readSealedRows(
  store: Pick<Store, 'listResources'>,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly rows: readonly SealedRow[]; readonly next: string | undefined }> {
  const records = await store.listResources('credential', page);
  const rows = records.flatMap((record): readonly SealedRow[] => {
    if (record.kind !== 'credential') return [];
    const { secret } = record.spec;
    if (secret?.from !== 'sealed' || typeof secret['value'] !== 'string') return [];
    return [{ record, sealed: secret['value'], version: versionOf(secret['value'], `credential/${record.id}`) }];
  });
  return { rows, next: records.length < page.limit ? undefined : records.at(-1)?.id };
}

export async function* allSealedRows(store: Pick<Store, 'listResources'>): AsyncGenerator<SealedRow, void> {
  let after: string | undefined;
  do {
    const { rows, next } = await readSealedRows(store, { after, limit: 500 });
    yield* rows;
    after = next;
  } while (after !== undefined);
}

/** By what the header says; whether it opens is another question. */
function versionOf(sealed: string, binding: string): string | undefined {
  try {
    return readSealedHeader(sealed, binding, undefined).kid;
  } catch {
    return undefined;
  }
}
