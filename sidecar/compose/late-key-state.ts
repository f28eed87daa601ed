import type { Config } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import { tokenTagPurpose } from '../keys/token-tags.ts';
import { createTagCheck } from '../token-validators/opaque-token.ts';
import { createKeyState, type KeyState, type KeyStateDeps } from './keys.ts';

/** What the store says of the keys, from the moment at which it is there. */
export interface LateKeyState extends KeyState {
  /** Once the store is open. Rejects with `key_mismatch` or `keys_missing`; may be called again then. */
  open(): Promise<void>;
}

const versionOfToken = /^cf_([0-9a-z]{1,8})_/;

export function createLateKeyState(config: Config, deps: KeyStateDeps): LateKeyState {
  const { keyring } = deps;
  const versions = keyring.versions;
  const hasOwnTag = createTagCheck(
    new Map(versions.map((version) => [version, keyring.derive(tokenTagPurpose, version)])),
  );
  let opened: KeyState | undefined;

  async function administration(): Promise<KeyState['administration']> {
    if (opened === undefined)
      throw new CredentialFlowError('store_failed', 'the store has not been reached since the start');
    return opened.administration;
  }

  return {
    async open() {
      opened ??= await createKeyState(config, deps);
    },
    isGenuine(token) {
      if (opened !== undefined) return opened.isGenuine(token);
      // Of a version that has left the ring only the store knows the tag: unknown is not forged.
      const version = versionOfToken.exec(token)?.[1] ?? '';
      return versions.includes(version) ? hasOwnTag(token) : true;
    },
    administration: {
      list: async () => (await administration()).list(),
      rotate: async (supplied, actor) => (await administration()).rotate(supplied, actor),
      rewrap: async (after, confirmed, actor) => (await administration()).rewrap(after, confirmed, actor),
      retire: async (version, confirmed, actor) => (await administration()).retire(version, confirmed, actor),
    },
  };
}
