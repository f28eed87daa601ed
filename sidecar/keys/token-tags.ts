import type { Log, Store } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { Keyring } from './keyring.ts';
import { listKnownVersions, tagKeyBinding } from './known-versions.ts';

/** The purpose for which the keys of token tags are derived. */
export const tokenTagPurpose = 'token-tag';

/**
 * What tells genuine tokens, by key version: of the ring, and of versions that left it. A retired version's tag key was
 * kept; of a lost one nothing is left to check with, so its tokens are `unchecked`: the store alone judges them.
 */
export async function readTokenTags(
  keyring: Keyring,
  deps: { readonly store: Pick<Store, 'listMeta'>; readonly log: Log },
): Promise<ReadonlyMap<string, Uint8Array | 'unchecked'>> {
  const tags = new Map<string, Uint8Array | 'unchecked'>();
  for (const { version, state, sealedTagKey } of await listKnownVersions(deps.store)) {
    if (state === 'in use') continue;
    tags.set(version, sealedTagKey === undefined ? 'unchecked' : await open(version, sealedTagKey, keyring, deps.log));
  }
  for (const version of keyring.versions) tags.set(version, keyring.derive(tokenTagPurpose, version));
  return tags;
}

export function sealTagKey(version: string, keyring: Keyring): Promise<string> {
  const tagKey = Buffer.from(keyring.derive(tokenTagPurpose, version)).toString('base64');
  return keyring.seal(new Secret(tagKey), tagKeyBinding(version));
}

async function open(version: string, sealed: string, keyring: Keyring, log: Log): Promise<Uint8Array | 'unchecked'> {
  try {
    const tagKey = await keyring.open(sealed, tagKeyBinding(version));
    return new Uint8Array(Buffer.from(tagKey.reveal(), 'base64'));
  } catch (error) {
    log.warn('token_tag_unreadable', { version, error });
    return 'unchecked';
  }
}
