import { CredentialFlowError } from '../core/error.ts';
import type { Actor, Mutation, Store } from '../core/ports.ts';
import type { Keyring } from './keyring.ts';
import { listKnownVersions, markRetired, tagKeyBinding } from './known-versions.ts';
import { bindingOf, readSealedRows, type SealedRow } from './sealed-rows.ts';

/** One batch of a re-wrap. */
export interface RewrapStep {
  /** Sealed anew with the current key. */
  readonly rewrapped: number;
  /** Changed by somebody else meanwhile: another pass finds them. */
  readonly skipped: number;
  /** Owned by a file, which would only bring the old value back: seal them again there. */
  readonly left: readonly { readonly id: string; readonly owner: string; readonly version: string }[];
  /** Values that no key of the ring opens; as they were. */
  readonly failed: readonly { readonly id: string; readonly problem: string }[];
  /** Where to go on; undefined: this was the last batch. */
  readonly next: string | undefined;
}

interface RewrapDeps {
  readonly store: Pick<Store, 'listResources' | 'write' | 'listMeta' | 'setMeta'>;
  readonly keyring: Keyring;
}

/** Credentials in one transaction: a revocation never waits long for it. */
const batchRows = 100;

/**
 * Seals the next credentials with the current key, in one transaction. What is sealed with it already is left alone, so
 * it may be cut off anywhere and begun again. The secrets stay the same; decisions go on meanwhile.
 */
export async function rewrapBatch(after: string | undefined, actor: Actor, deps: RewrapDeps): Promise<RewrapStep> {
  const { store, keyring } = deps;
  const { rows, next } = await readSealedRows(store, { after, limit: batchRows });
  const left: RewrapStep['left'][number][] = [];
  const failed: RewrapStep['failed'][number][] = [];
  const mutations: Mutation[] = [];
  for (const row of rows) {
    if (row.version === keyring.current) continue;
    const { id, owner } = row.record;
    if (owner !== 'api') {
      left.push({ id, owner, version: row.version ?? 'unknown' });
      continue;
    }
    try {
      mutations.push(await rewrapRow(row, keyring));
    } catch (error) {
      failed.push({ id, problem: error instanceof CredentialFlowError ? error.message : 'it does not open' });
    }
  }
  const rewrapped = await writeAll(mutations, actor, store);
  if (next === undefined) await rewrapTagKeys(actor, deps);
  return { rewrapped, skipped: mutations.length - rewrapped, left, failed, next };
}

/** What checks the tokens of retired versions. */
export async function rewrapTagKeys(actor: Actor, { store, keyring }: RewrapDeps): Promise<void> {
  for (const { version, sealedTagKey } of await listKnownVersions(store)) {
    if (sealedTagKey === undefined) continue;
    const tagKey = await keyring.open(sealedTagKey, tagKeyBinding(version)).catch(() => undefined);
    if (tagKey === undefined) continue;
    await markRetired(store, version, await keyring.seal(tagKey, tagKeyBinding(version)), actor);
  }
}

async function rewrapRow(row: SealedRow, keyring: Keyring): Promise<Mutation> {
  const { id, owner, spec, revision } = row.record;
  const value = await keyring.seal(await keyring.open(row.sealed, bindingOf(row)), bindingOf(row));
  const secret = { from: 'sealed', value };
  return { op: 'put', kind: 'credential', id, owner, spec: { ...spec, secret }, ifRevision: revision };
}

/** All at once; where one of them was changed meanwhile, one by one. */
async function writeAll(mutations: readonly Mutation[], actor: Actor, store: RewrapDeps['store']): Promise<number> {
  if (mutations.length === 0) return 0;
  if (await wasWritten(mutations, actor, store)) return mutations.length;
  let written = 0;
  for (const mutation of mutations) if (await wasWritten([mutation], actor, store)) written += 1;
  return written;
}

async function wasWritten(mutations: readonly Mutation[], actor: Actor, store: RewrapDeps['store']): Promise<boolean> {
  try {
    await store.write(mutations, actor);
    return true;
  } catch (error) {
    const code = error instanceof CredentialFlowError ? error.code : undefined;
    // Changed, or taken over by a file.
    if (code === 'revision_conflict' || code === 'resource_owned_by_file') return false;
    throw error;
  }
}
