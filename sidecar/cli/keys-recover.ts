import type { Command } from 'commander';
import type { Secret } from '../core/secret.ts';
import type { Losses } from '../keys/recover.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { Local } from './local.ts';
import { underLock } from './offline-lock.ts';
import { openOffline } from './open-offline.ts';

/** Lost secrets that are named one by one. */
const named = 100;

export function addKeysRecoverCommand(keys: Command, cli: Cli): void {
  const command = keys
    .command('recover')
    .description(
      'after a master key was lost, offline: say what is lost; with --yes give it up, so that it can be set anew',
    )
    .option('--yes', 'clear what is lost, and make a new master key where there is none')
    .action(async ({ yes }: { readonly yes?: boolean }, self: Command) => {
      const local = await cli.local(self);
      const url = local.config.store.reveal();
      const report = await underLock({ command: 'credentialflow keys recover', storeUrls: [url] }, local, () =>
        recover(url, yes === true, local, cli),
      );
      const isLost = report.lost_versions.length > 0 || report.lost_secrets.length > 0;
      if (isLost && !report.given_up) cli.finish(exitCodes.failed);
      cli.print(self, report, () => describe(report));
    });
  withExamples(command, 'credentialflow keys recover', 'credentialflow keys recover --yes');
}

interface Report {
  readonly lost_versions: readonly string[];
  readonly lost_secrets: Losses['secrets'];
  readonly given_up: boolean;
  readonly cleared: number;
  readonly made: string | null;
}

async function recover(url: string, yes: boolean, local: Local, cli: Cli): Promise<Report> {
  const { checkFingerprints } = await import('../keys/check-master-key.ts');
  const { createKeyring } = await import('../keys/keyring.ts');
  const { keyPaths, readKeyFile, writeMasterKeys } = await import('../keys/key-files.ts');
  const { listKnownVersions } = await import('../keys/known-versions.ts');
  const { decodeMasterKeys, newMasterKey, nextVersion } = await import('../keys/master-keys.ts');
  const { findLosses, giveUp } = await import('../keys/recover.ts');
  const { config } = local;
  const store = await openOffline(url, { mustExist: true }, cli.terminal);
  try {
    const known = await listKnownVersions(store);
    const text: Secret | undefined = config.keys.master ?? readKeyFile(keyPaths(config.dataDir).master);
    const version = nextVersion(known.map((entry) => entry.version));
    const ring = text === undefined ? [newMasterKey(version)] : decodeMasterKeys(text);
    const keyring = createKeyring(ring);
    checkFingerprints(known, keyring);
    const losses = await findLosses(store, keyring);
    if (text === undefined && yes) writeMasterKeys(config.dataDir, ring, []);
    const cleared = yes ? await giveUp(losses, store) : 0;
    return {
      lost_versions: losses.versions,
      lost_secrets: losses.secrets,
      given_up: yes,
      cleared,
      made: text === undefined && yes ? version : null,
    };
  } catch (error) {
    throw withHint(error);
  } finally {
    await store.close();
  }
}

/** A new key under the name of the lost one looks like a wrong key. */
function withHint(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'key_mismatch') return error;
  return new CliFailure(exitCodes.failed, error.message, {
    code: 'key_mismatch',
    fix: 'give the new key a version that the store never saw, as CREDENTIALFLOW_MASTER_KEY=k2:BASE64, or remove the file of the wrong one',
    cause: error,
  });
}

function describe({
  lost_versions: versions,
  lost_secrets: secrets,
  given_up: givenUp,
  cleared,
  made,
}: Report): string {
  if (versions.length === 0 && secrets.length === 0) return 'Nothing is lost: the ring opens every sealed secret.';
  const lines = secrets
    .slice(0, named)
    .map(({ id, owner, version }) => `credential/${id} (sealed with ${version}, owner ${owner})`);
  if (secrets.length > named) lines.push(`… and ${secrets.length - named} more; --json names all`);
  const lost = versions.length === 0 ? 'no version' : versions.join(', ');
  lines.unshift(`Lost: ${lost} of the master key, and ${secrets.length} secrets:`);
  if (!givenUp)
    return [...lines, 'Nothing was changed. Find the key, or repeat with --yes to give them up.'].join('\n');
  if (made !== null) lines.push(`Made a new master key, ${made}.`);
  lines.push(
    `Cleared ${cleared} secrets: set them with \`credentialflow credential set\`. Those of files are sealed again there.`,
  );
  lines.push('Tokens go on working. Those made with a lost key are checked against the store alone.');
  return lines.join('\n');
}
