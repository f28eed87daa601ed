import { existsSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Clock, Log } from '../core/ports.ts';
import { loadKeys, type LoadedKeys } from '../keys/key-files.ts';
import { createKeyring, type Keyring } from '../keys/keyring.ts';
import { lockDataDir, type DataDirLock } from '../stores/data-dir-lock.ts';
import { openStore, parseStoreUrl } from '../stores/index.ts';
import { createLateStore, type LateStore } from '../stores/late-store.ts';
import type { CleanUp } from './clean-up.ts';
import { createLateKeyState, type LateKeyState } from './late-key-state.ts';

/** What must be there before anything else: the data directory, the keys, and a way to the store. */
export interface Foundation {
  readonly lock: DataDirLock;
  readonly keys: LoadedKeys;
  readonly keyring: Keyring;
  /** Not opened yet. */
  readonly late: LateStore;
  readonly keyState: LateKeyState;
  /** The store is gone with the process. */
  readonly inMemory: boolean;
}

export function layFoundation(
  config: Config,
  deps: { readonly clock: Clock; readonly log: Log; readonly cleanUp: CleanUp },
): Foundation {
  const { clock, log, cleanUp } = deps;
  const { kind, location } = parseStoreUrl(config.store.reveal());
  const isEmbedded = kind === 'sqlite';
  // For us alone, if the store is in it.
  const lock = lockDataDir(config.dataDir, { command: 'credentialflow serve', shared: !isEmbedded }, { clock });
  cleanUp.add(() => lock.release());
  const inMemory = isEmbedded && location === ':memory:';
  // Others may have the keys of a shared store already: a new one would only be a wrong one.
  const mayCreate = isEmbedded && (inMemory || !existsSync(location));
  const keys = loadKeys({ dataDir: config.dataDir, configured: config.keys, mayCreate }, { log });
  const keyring = createKeyring(keys.masters);
  const readOnlyBecauseOfFiles = inMemory && config.resources.files.length > 0;
  const options = { readOnlyBecauseOfFiles, lookupTimeoutMs: config.lookup.storeTimeoutMs };
  const late = createLateStore({ kind, durable: !readOnlyBecauseOfFiles }, () =>
    openStore(config.store.reveal(), options, { clock, log }),
  );
  cleanUp.add(() => late.store.close());
  const keyState = createLateKeyState(config, { store: late.store, keyring, keys, log });
  return { lock, keys, keyring, late, keyState, inMemory };
}
