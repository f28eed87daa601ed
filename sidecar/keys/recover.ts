import type { Actor, Mutation, Store } from '../core/ports.ts';
import type { Keyring } from './keyring.ts';
import { listKnownVersions, markLost } from './known-versions.ts';
import { allSealedRows, bindingOf } from './sealed-rows.ts';

/** What cannot be opened with the ring that is left. */
export interface Losses {
  /** Versions that the store was used with and the ring lacks. */
  readonly versions: readonly string[];
  readonly secrets: readonly { readonly id: string; readonly owner: string; readonly version: string }[];
}

const actor: Actor = { name: 'system', action: 'keys.recover' };
const batchRows = 100;

export async function findLosses(store: Pick<Store, 'listMeta' | 'listResources'>, keyring: Keyring): Promise<Losses> {
  const known = await listKnownVersions(store);
  const secrets: Losses['secrets'][number][] = [];
  for await (const row of allSealedRows(store)) {
    const opens = await keyring.open(row.sealed, bindingOf(row)).then(
      () => true,
      () => false,
    );
    const { id, owner } = row.record;
    if (!opens) secrets.push({ id, owner, version: row.version ?? 'unknown' });
  }
  return {
    versions: known
      .filter(({ version, state }) => state === 'in use' && !keyring.versions.includes(version))
      .map(({ version }) => version),
    secrets,
  };
}

/**
 * Gives up what is lost: the versions are remembered as lost, and the sealed secrets that the API owns are cleared, so
 * that they can be set anew. What a file owns stays: it is sealed again there. Returns how many were cleared.
 */
export async function giveUp(losses: Losses, store: Store): Promise<number> {
  let cleared = 0;
  const own = losses.secrets.filter(({ owner }) => owner === 'api');
  for (let at = 0; at < own.length; at += batchRows) {
    const mutations: Mutation[] = [];
    for (const { id } of own.slice(at, at + batchRows)) {
      const record = await store.getResource('credential', id);
      if (record?.kind !== 'credential') continue;
      const { secret, ...spec } = record.spec;
      if (secret !== undefined) mutations.push({ op: 'put', kind: 'credential', id, owner: 'api', spec });
    }
    if (mutations.length > 0) await store.write(mutations, actor);
    cleared += mutations.length;
  }
  // Last, so that a run that was cut off is not taken for a whole one.
  for (const version of losses.versions) await markLost(store, version, actor);
  return cleared;
}
