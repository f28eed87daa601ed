import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A server that the tests need, or what to do to have one. */
export interface FoundServer {
  readonly found: boolean;
  readonly message: string;
}

/** Root on Debian, or on what is made of it. */
export function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

/**
 * Installs a package from Debian's archive and starts none of its daemons. `settings`: files (path → text) that must be
 * there meanwhile; they are removed afterwards.
 */
export function installPackage(name: string, settings: Readonly<Record<string, string>> = {}): boolean {
  console.log(`${name} is missing: installing it with apt-get (its daemon stays off) …`);
  const isInstalled = withFiles(settings, () =>
    withoutDaemons(() => {
      const command = ['install', '-y', '--no-install-recommends', name];
      return aptGet(command) || (aptGet(['update']) && aptGet(command));
    }),
  );
  if (!isInstalled) console.log(`apt-get could not install ${name}.`);
  return isInstalled;
}

function withFiles<T>(files: Readonly<Record<string, string>>, work: () => T): T {
  // What somebody wrote there is his.
  const ours = Object.entries(files).filter(([path]) => !existsSync(path));
  try {
    for (const [path, text] of ours) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    return work();
  } finally {
    for (const [path] of ours) rmSync(path, { force: true });
  }
}

function aptGet(args: readonly string[]): boolean {
  const { status } = run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], 'inherit');
  return status === 0;
}

const policy = '/usr/sbin/policy-rc.d';
const policyAside = `${policy}.before-credentialflow-tests`;

/** Debian asks policy-rc.d before it starts (or stops) a service; for the length of `work` the answer is no. */
function withoutDaemons<T>(work: () => T): T {
  // An interrupted run must still put the policy back: the signal reaches apt-get, and we go on to `finally`.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  process.on('SIGTERM', ignore);
  const hadPolicy = existsSync(policy);
  if (hadPolicy) renameSync(policy, policyAside);
  try {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    return work();
  } finally {
    rmSync(policy, { force: true });
    if (hadPolicy) renameSync(policyAside, policy);
    process.off('SIGINT', ignore);
    process.off('SIGTERM', ignore);
  }
}

export function run(command: string, args: readonly string[], stdout: 'pipe' | 'inherit'): SpawnSyncReturns<string> {
  return spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', stdout, stdout],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
