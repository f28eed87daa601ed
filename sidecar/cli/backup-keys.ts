import type { BackupKey } from '../stores/backup-file.ts';
import type { Local } from './local.ts';
import { openKeyring } from './offline-keyring.ts';

/** The keys of backups on this machine: of the ring, and of versions that left it. Rejects where there is no ring. */
export async function localBackupKeys(local: Local): Promise<BackupKey> {
  const { backupPurpose, createKeyring } = await import('../keys/keyring.ts');
  const { readKeyFile, retiredKeysPath } = await import('../keys/key-files.ts');
  const { decodeMasterKeys } = await import('../keys/master-keys.ts');
  const ring = (await openKeyring(local)).masterKeys();
  const text = readKeyFile(retiredKeysPath(local.config.dataDir));
  const retired = (text === undefined ? [] : decodeMasterKeys(text)).filter(
    ({ version }) => !ring.some((key) => key.version === version),
  );
  const keyring = createKeyring([...ring, ...retired]);
  return (version) => (keyring.versions.includes(version) ? keyring.derive(backupPurpose, version) : undefined);
}
