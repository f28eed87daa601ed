import { CredentialFlowError } from '../core/error.ts';
import type { Store } from '../core/ports.ts';
import type { Keyring } from './keyring.ts';

/**
 * A store remembers the fingerprints of the master keys it was used with: a wrong key is refused at the start instead
 * of making tokens and sealed secrets look invalid. Rejects with `key_mismatch`.
 */
export async function checkMasterKey(
  store: Pick<Store, 'getMeta' | 'setMeta'>,
  keyring: Pick<Keyring, 'current' | 'fingerprint'>,
): Promise<void> {
  const name = `master_key.${keyring.current}`;
  const known = await store.getMeta(name);
  const fingerprint = keyring.fingerprint();
  if (known === fingerprint) return;
  if (known === undefined) {
    await store.setMeta(name, fingerprint);
    return;
  }
  throw new CredentialFlowError(
    'key_mismatch',
    `the store was made with another master key "${keyring.current}" (its fingerprint is ${known}, this one's ${fingerprint})`,
  );
}
