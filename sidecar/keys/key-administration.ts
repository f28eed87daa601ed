import { CredentialFlowError, type Problem } from '../core/error.ts';
import type { Actor, Log, Store } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Keyring } from './keyring.ts';
import { listKnownVersions, markRetired, rememberVersion } from './known-versions.ts';
import { decodeMasterKeys, newMasterKey, nextVersion, type MasterKey } from './master-keys.ts';
import { rewrapBatch, rewrapTagKeys, type RewrapStep } from './rewrap.ts';
import { allSealedRows, bindingOf, namedRows } from './sealed-rows.ts';
import { sealTagKey } from './token-tags.ts';

export interface KeyOverview {
  readonly current: string;
  /** Whether `rotate` can make a key here: one sidecar, with the key in its data directory. */
  readonly rotates_here: boolean;
  readonly versions: readonly {
    readonly version: string;
    readonly state: 'current' | 'kept' | 'retired' | 'lost' | 'missing';
    readonly in_ring: boolean;
    readonly fingerprint: string;
    /** Secrets in the store that are sealed with it. */
    readonly sealed: number;
  }[];
}

/** The master keys, online. Every call may be repeated after it was cut off. */
export interface KeyAdministration {
  list(): Promise<KeyOverview>;
  /** A new current version, unless an earlier rotation was not finished. What is sealed follows by `rewrap`. */
  rotate(supplied: Secret | undefined, actor: Actor): Promise<{ readonly version: string; readonly made: boolean }>;
  /** One batch; see {@link RewrapStep}. `confirmed`: {@link KeyAdministrationOptions.shared}. */
  rewrap(after: string | undefined, confirmed: string | undefined, actor: Actor): Promise<RewrapStep>;
  /** Takes a version out of use; refuses (`key_in_use`) while anything is sealed with it, and says what. */
  retire(
    version: string,
    confirmed: string | undefined,
    actor: Actor,
  ): Promise<{ readonly version: string; readonly removed: boolean }>;
}

export interface KeyAdministrationOptions {
  /**
   * Other sidecars may use the store. Whether their rings have the current key cannot be known here, so the caller must
   * say so by naming it.
   */
  readonly shared: boolean;
}

export interface KeyAdministrationDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  /** Writes the ring where the sidecar reads it at start, and keeps what left it; absent where the keys are configured. */
  readonly keep?: ((ring: readonly MasterKey[], left: readonly MasterKey[]) => void) | undefined;
  /** The ring or the retired versions changed. */
  readonly onChange: () => Promise<void>;
  readonly log: Log;
}

const rotationMark = 'key_rotation';

export function createKeyAdministration(
  options: KeyAdministrationOptions,
  deps: KeyAdministrationDeps,
): KeyAdministration {
  const { store, keyring, log } = deps;
  const keep = options.shared ? undefined : deps.keep;

  function requireConfirmation(confirmed: string | undefined): void {
    if (!options.shared || confirmed === keyring.current) return;
    throw new CredentialFlowError(
      'keys_shared',
      `other sidecars may use this store, and whether all of them have the key "${keyring.current}" cannot be known here; say so with --every-sidecar-has ${keyring.current}`,
    );
  }

  async function adopt(ring: readonly MasterKey[], left: readonly MasterKey[] = []): Promise<void> {
    keep?.(ring, left);
    keyring.replace(ring);
    await deps.onChange();
  }

  return {
    list: () => overview(keep !== undefined, deps),

    async rotate(supplied, actor) {
      if (keep === undefined) {
        throw new CredentialFlowError(
          'keys_shared',
          'the master key is configured, or other sidecars may use this store: it must be given to each of them by you',
        );
      }
      if ((await store.getMeta(rotationMark)) === keyring.current) return { version: keyring.current, made: false };
      const known = (await listKnownVersions(store)).map(({ version }) => version);
      const version = nextVersion([...known, ...keyring.versions]);
      const made = supplied === undefined ? newMasterKey(version) : { version, key: readKey(supplied, keyring) };
      // First, so that a rotation that is cut off is finished by the next one.
      await store.setMeta(rotationMark, version);
      await adopt([made, ...keyring.masterKeys()]);
      await rememberVersion(store, version, keyring.fingerprint(version), actor);
      log.info('master_key_rotated', { version });
      return { version, made: true };
    },

    async rewrap(after, confirmed, actor) {
      requireConfirmation(confirmed);
      const step = await rewrapBatch(after, actor, deps);
      if (step.next === undefined && step.skipped === 0) await store.setMeta(rotationMark, '');
      return step;
    },

    async retire(version, confirmed, actor) {
      requireConfirmation(confirmed);
      const kept = keyring.masterKeys().filter((key) => key.version !== version);
      if (kept.length === keyring.versions.length) {
        throw new CredentialFlowError('not_found', `the ring has no master key "${version}"`);
      }
      if (version === keyring.current) {
        throw new CredentialFlowError('key_in_use', `"${version}" is the current master key`);
      }
      await refuseWhileUsed(version, store);
      await rewrapTagKeys(actor, deps);
      await markRetired(store, version, await sealTagKey(version, keyring), actor);
      log.info('master_key_retired', { version });
      if (keep === undefined) return { version, removed: false };
      await adopt(
        kept,
        keyring.masterKeys().filter((key) => key.version === version),
      );
      return { version, removed: true };
    },
  };
}

async function overview(rotatesHere: boolean, { store, keyring }: KeyAdministrationDeps): Promise<KeyOverview> {
  const sealed = new Map<string, number>();
  for await (const { version = 'unknown' } of allSealedRows(store)) {
    sealed.set(version, (sealed.get(version) ?? 0) + 1);
  }
  const known = new Map((await listKnownVersions(store)).map((entry) => [entry.version, entry]));
  const all = [...new Set([...keyring.versions, ...known.keys(), ...sealed.keys()])];
  const versions = all.map((version) => {
    const inRing = keyring.versions.includes(version);
    const state = known.get(version)?.state ?? 'in use';
    return {
      version,
      state:
        version === keyring.current
          ? ('current' as const)
          : state !== 'in use'
            ? state
            : inRing
              ? ('kept' as const)
              : ('missing' as const),
      in_ring: inRing,
      fingerprint: inRing ? keyring.fingerprint(version) : (known.get(version)?.fingerprint ?? ''),
      sealed: sealed.get(version) ?? 0,
    };
  });
  return { current: keyring.current, rotates_here: rotatesHere, versions };
}

async function refuseWhileUsed(version: string, store: Store): Promise<void> {
  const problems: Problem[] = [];
  let count = 0;
  for await (const row of allSealedRows(store)) {
    if (row.version !== version) continue;
    count += 1;
    if (count > namedRows) continue;
    const { owner } = row.record;
    const fix = owner === 'api' ? 'run `credentialflow keys rewrap`' : 'seal it again in its file';
    problems.push({ severity: 'error', path: bindingOf(row), message: `is sealed with it (owner ${owner})`, fix });
  }
  if (count === 0) return;
  const message = `${count} secrets are sealed with the master key "${version}"`;
  throw new CredentialFlowError('key_in_use', message, { problems });
}

/** One key without a version, and none that is in the ring already. */
function readKey(supplied: Secret, keyring: Keyring): Secret<Uint8Array> {
  const [only, ...more] = /[:,\s]/.test(supplied.reveal()) ? [] : decodeMasterKeys(supplied);
  if (only === undefined || more.length > 0) {
    throw new CredentialFlowError('secret_invalid', 'the new master key must be 32 bytes in base64, and nothing else');
  }
  const bytes = Buffer.from(only.key.reveal());
  if (keyring.masterKeys().some(({ key }) => bytes.equals(key.reveal()))) {
    throw new CredentialFlowError('secret_invalid', 'the new master key is in the ring already');
  }
  return only.key;
}
