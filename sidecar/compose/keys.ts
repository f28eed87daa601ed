import type { Config } from '../config/config.ts';
import type { Log, Store } from '../core/ports.ts';
import { checkMasterKey } from '../keys/check-master-key.ts';
import { createKeyAdministration, type KeyAdministration } from '../keys/key-administration.ts';
import { writeMasterKeys, type LoadedKeys } from '../keys/key-files.ts';
import type { Keyring } from '../keys/keyring.ts';
import { readTokenTags } from '../keys/token-tags.ts';
import { createTagCheck } from '../token-validators/opaque-token.ts';

/** What follows the master keys while they change. */
export interface KeyState {
  readonly administration: KeyAdministration;
  /** Whether a token was made with a key of the ring, or of a version that left it. */
  readonly isGenuine: (token: string) => boolean;
}

export interface KeyStateDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly keys: LoadedKeys;
  readonly log: Log;
}

/** Refuses to start with the wrong keys (`key_mismatch`, `keys_missing`). */
export async function createKeyState(config: Config, deps: KeyStateDeps): Promise<KeyState> {
  const { store, keyring, keys, log } = deps;
  // The data directory's lock lets one process alone use an embedded store.
  const shared = store.kind !== 'sqlite';
  await checkMasterKey({ shared }, { store, keyring, log });
  const readTagCheck = async () => createTagCheck(await readTokenTags(keyring, { store, log }));
  let tagCheck = await readTagCheck();
  return {
    administration: createKeyAdministration(
      { shared },
      {
        store,
        keyring,
        keep:
          keys.sources.master === 'file'
            ? (ring, left) => {
                writeMasterKeys(config.dataDir, ring, left);
              }
            : undefined,
        onChange: async () => {
          tagCheck = await readTagCheck();
        },
        log,
      },
    ),
    isGenuine: (token) => tagCheck(token),
  };
}
