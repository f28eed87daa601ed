import { CredentialFlowError, type Problem } from '../core/error.ts';
import type { Log, Store } from '../core/ports.ts';
import type { Keyring } from './keyring.ts';
import { listKnownVersions, markInUse, rememberVersion, type KnownVersion } from './known-versions.ts';
import { allSealedRows, bindingOf, namedRows } from './sealed-rows.ts';

export interface CheckMasterKeyDeps {
  readonly store: Pick<Store, 'listMeta' | 'setMeta' | 'listResources'>;
  readonly keyring: Pick<Keyring, 'current' | 'versions' | 'fingerprint'>;
  readonly log: Log;
}

/**
 * A store remembers the fingerprints of the master keys it was used with: a wrong key (`key_mismatch`) and a ring that
 * lacks one (`keys_missing`, with the rows that need it) are refused at the start, instead of making tokens and sealed
 * secrets look invalid. `shared`: other sidecars may use this store; then a key that nobody has seen cannot be the
 * current one, because they could not open what it seals.
 */
export async function checkMasterKey(options: { readonly shared: boolean }, deps: CheckMasterKeyDeps): Promise<void> {
  const { store, keyring, log } = deps;
  const known = await listKnownVersions(store);
  const { versions, current } = keyring;
  checkFingerprints(known, keyring);
  const missing = known.filter(({ version, state }) => state === 'in use' && !versions.includes(version));
  if (missing.length > 0)
    throw await lacking(
      missing.map(({ version }) => version),
      deps,
    );
  if (options.shared && known.length > 0 && !known.some(({ version }) => version === current)) {
    throw new CredentialFlowError(
      'keys_missing',
      `the master key "${current}" is new to this store and cannot be the current one yet: put it behind the present one on every sidecar and start them, then put it first`,
    );
  }
  for (const version of versions) {
    if (!known.some((entry) => entry.version === version))
      await rememberVersion(store, version, keyring.fingerprint(version));
  }
  for (const { version, state } of known) {
    if (!versions.includes(version)) continue;
    if (state === 'retired') log.warn('master_key_retired', { version, fix: 'remove it from the ring' });
    if (state === 'lost') await markInUse(store, version);
  }
}

/** Throws `key_mismatch` for a key that is another one than the store knows under its version. */
export function checkFingerprints(
  known: readonly KnownVersion[],
  keyring: Pick<Keyring, 'versions' | 'fingerprint'>,
): void {
  for (const { version, fingerprint: expected } of known) {
    const fingerprint = keyring.versions.includes(version) ? keyring.fingerprint(version) : expected;
    if (expected === fingerprint) continue;
    throw new CredentialFlowError(
      'key_mismatch',
      `the store was made with another master key "${version}" (its fingerprint is ${expected}, this one's ${fingerprint})`,
    );
  }
}

async function lacking(versions: readonly string[], { store }: CheckMasterKeyDeps): Promise<CredentialFlowError> {
  const problems: Problem[] = [];
  let count = 0;
  for await (const row of allSealedRows(store)) {
    if (row.version === undefined || !versions.includes(row.version)) continue;
    count += 1;
    if (count > namedRows) continue;
    problems.push({ severity: 'error', path: bindingOf(row), message: `is sealed with the key "${row.version}"` });
  }
  const names = versions.map((version) => `"${version}"`).join(' and ');
  const more = count > namedRows ? `, of which ${namedRows} are named` : '';
  return new CredentialFlowError(
    'keys_missing',
    `the ring lacks the master key ${names}: ${count} sealed secrets need it${more}, and tokens that were made with it. Add it behind the current one, or give it up with \`credentialflow keys recover\``,
    { problems },
  );
}
