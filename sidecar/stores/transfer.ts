import { createHash } from 'node:crypto';
import { CredentialFlowError } from '../core/error.ts';
import type { Store, StoreCopy, StoreIdentity } from '../core/ports.ts';
import { copyTableNames, copyTables } from '../core/store-copy.ts';
import type { CopyPart, CopyTable } from '../core/store-copy.ts';

/** What a copy holds, whichever store it came from: two copies with the same digest have the same rows. */
export interface CopyDigest {
  readonly rows: Readonly<Record<CopyTable, number>>;
  /** Hex SHA-256 over all rows in their order. */
  readonly digest: string;
}

export interface Transferred extends CopyDigest {
  readonly identity: StoreIdentity;
}

export interface TransferOptions {
  /** See `Store.load`. */
  readonly aboveEpoch?: number | undefined;
  /** Called after each part: the rows of this table so far. */
  readonly onProgress?: ((step: 'copy' | 'verify', table: CopyTable, rows: number) => void) | undefined;
}

export interface RestoreOptions {
  /** Put the copy in the place of a store that is not empty. Default: refused. */
  readonly replace: boolean;
  readonly onProgress?: TransferOptions['onProgress'];
}

export interface Restored extends Transferred {
  /** Where the store that was replaced is now. */
  readonly aside: string | undefined;
}

/**
 * Loads a copy into an empty store, then reads the store and compares. Rejects as `Store.load` does, and with
 * `store_failed` when the store gives back something else than was loaded.
 */
export async function transfer(copy: StoreCopy, target: Store, options: TransferOptions = {}): Promise<Transferred> {
  const { aboveEpoch, onProgress } = options;
  const sent = createMeter((table, rows) => onProgress?.('copy', table, rows));
  const identity = await target.load({ ...copy, parts: sent.pass(copy.parts) }, { aboveEpoch });
  const found = await digestCopy(await target.dump(), (table, rows) => onProgress?.('verify', table, rows));
  const { digest, rows } = sent.result();
  if (found.digest !== digest) {
    throw new CredentialFlowError('store_failed', 'the copy was loaded, but the store gives back something else');
  }
  return { identity, digest, rows };
}

export async function digestCopy(
  copy: StoreCopy,
  onRows?: (table: CopyTable, rows: number) => void,
): Promise<CopyDigest> {
  const meter = createMeter(onRows);
  const reading = meter.pass(copy.parts);
  let step = await reading.next();
  while (step.done !== true) step = await reading.next();
  return meter.result();
}

function createMeter(onRows?: (table: CopyTable, rows: number) => void) {
  const hash = createHash('sha256');
  const rows = Object.fromEntries(copyTableNames.map((name) => [name, 0])) as Record<CopyTable, number>;

  function add(part: CopyPart): void {
    if ('end' in part) return;
    const { table } = part;
    const names = Object.keys(copyTables[table].columns);
    // As arrays in the order of the columns: one row has one spelling.
    for (const row of part.rows) hash.update(`${JSON.stringify([table, ...names.map((name) => row[name])])}\n`);
    rows[table] += part.rows.length;
    onRows?.(table, rows[table]);
  }

  return {
    async *pass(parts: AsyncIterable<CopyPart>): AsyncGenerator<CopyPart, void> {
      for await (const part of parts) {
        yield part;
        // After the store took it: what is no part at all has been refused by then.
        add(part);
      }
    },
    result: (): CopyDigest => ({ rows, digest: hash.digest('hex') }),
  };
}
