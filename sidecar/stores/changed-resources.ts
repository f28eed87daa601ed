import type { StoreIdentity } from '../core/ports.ts';
import type { ResourceKind } from '../core/resources.ts';
import type { ChangeRow, MetaRow } from './rows.ts';

/** What `Store.readChanged` makes of a store's log, whatever the store is made of. */
export interface ResourceReference {
  readonly kind: ResourceKind;
  readonly id: string;
}

/** Rows of the log to look through; beyond them, reading everything is hardly dearer. */
export const scannedRows = 20_000;

/** Whether the log of this store tells all that happened after `since`. */
export function followsOn(meta: MetaRow, since: StoreIdentity): boolean {
  const isSame = meta.store_id === since.storeId && meta.epoch === since.epoch;
  return isSame && since.revision >= meta.log_floor && since.revision <= meta.revision;
}

/** Each resource once, in the order of its first change; tokens are not resources. */
export function distinctResources(rows: readonly Pick<ChangeRow, 'kind' | 'id'>[]): readonly ResourceReference[] {
  const references = new Map<string, ResourceReference>();
  for (const { kind, id } of rows) if (kind !== 'token') references.set(`${kind}/${id}`, { kind, id });
  return [...references.values()];
}
