import { CredentialFlowError } from '../core/error.ts';
import type { Store } from '../core/ports.ts';
import type { Keyring } from './keyring.ts';

/**
 * A store remembers the fingerprints of the master keys it was used with: a wrong key is refused at the start instead
 * of making tokens and sealed secrets look invalid. Rejects with `key_mismatch`.
 */
export async function checkMasterKey(
  store: Pick<Store, 'getMeta' | 'setMeta'>,
  keyring: Pick<Keyring, 'versions' | 'fingerprint'>,
): Promise<void> {
  for (const version of keyring.versions) {
    const name = `master_key.${version}`;
    const fingerprint = keyring.fingerprint(version);
    const known = await store.getMeta(name);
    if (known === undefined) await store.setMeta(name, fingerprint);
    else if (known !== fingerprint) {
      throw new CredentialFlowError(
        'key_mismatch',
        `the store was made with another master key "${version}" (its fingerprint is ${known}, this one's ${fingerprint})`,
      );
    }
  }
}
