import type { Actor, Store } from '../core/ports.ts';

/**
 * What a store remembers of the master keys it was used with, in its named values. `retired`: nothing is sealed with it
 * any more; what checks its tokens is kept, sealed with a later key. `lost`: it was given up (`keys recover`).
 */
export interface KnownVersion {
  readonly version: string;
  readonly fingerprint: string;
  readonly state: 'in use' | 'retired' | 'lost';
  /** For a retired version: its token tag key, sealed. */
  readonly sealedTagKey: string | undefined;
}

export type KeyStore = Pick<Store, 'listMeta' | 'setMeta' | 'listResources' | 'write'>;

const fingerprintPrefix = 'master_key.';
const gonePrefix = 'master_key_gone.';
const lost = 'lost';

export async function listKnownVersions(store: Pick<Store, 'listMeta'>): Promise<readonly KnownVersion[]> {
  const gone = await store.listMeta(gonePrefix);
  return [...(await store.listMeta(fingerprintPrefix))].map(([name, fingerprint]) => {
    const version = name.slice(fingerprintPrefix.length);
    const mark = gone.get(gonePrefix + version) ?? '';
    return {
      version,
      fingerprint,
      state: mark === '' ? 'in use' : mark === lost ? 'lost' : 'retired',
      sealedTagKey: mark === '' || mark === lost ? undefined : mark,
    };
  });
}

export function rememberVersion(
  store: Pick<Store, 'setMeta'>,
  version: string,
  fingerprint: string,
  actor?: Actor,
): Promise<void> {
  return store.setMeta(fingerprintPrefix + version, fingerprint, actor);
}

/** `sealedTagKey`: {@link tagKeyBinding}. */
export function markRetired(
  store: Pick<Store, 'setMeta'>,
  version: string,
  sealedTagKey: string,
  actor: Actor,
): Promise<void> {
  return store.setMeta(gonePrefix + version, sealedTagKey, actor);
}

export function markLost(store: Pick<Store, 'setMeta'>, version: string, actor: Actor): Promise<void> {
  return store.setMeta(gonePrefix + version, lost, actor);
}

/** A version that is in the ring again is neither retired nor lost. */
export function markInUse(store: Pick<Store, 'setMeta'>, version: string): Promise<void> {
  return store.setMeta(gonePrefix + version, '');
}

/** What the sealed tag key of a retired version is bound to. */
export function tagKeyBinding(version: string): string {
  return `token-tag/${version}`;
}
