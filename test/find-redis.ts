import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface FoundRedis {
  readonly found: boolean;
  readonly message: string;
}

const howTo = `The tests need a real Redis, and none was found. One of these helps:
  - install it so that redis-server is on the PATH (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)
  - run the tests as root on Debian, where they install it themselves
  - name a server whose data may be lost: TEST_REDIS_URL=redis://127.0.0.1:6379`;

/**
 * A Redis for the tests: `redis-server` on the PATH (each test file starts its own on a free port, in a temporary
 * folder), else installed from Debian's archive, else the server of TEST_REDIS_URL.
 */
export function findRedis(url: string | undefined): FoundRedis {
  const version = redisVersion();
  if (version !== undefined) return found(version);
  if (mayInstall()) {
    console.log('redis-server is missing: installing it with apt-get (its daemon stays off) …');
    if (install()) {
      const installed = redisVersion();
      if (installed !== undefined) return found(installed);
    }
    console.log('apt-get could not install redis-server.');
  }
  if (url !== undefined && url !== '') return { found: true, message: 'Redis: the server of TEST_REDIS_URL.' };
  return { found: false, message: howTo };
}

function found(version: string): FoundRedis {
  return { found: true, message: `Redis: ${version}; tests start their own on free ports.` };
}

function redisVersion(): string | undefined {
  const { status, stdout } = run('redis-server', ['--version'], 'pipe');
  return status === 0 ? stdout.trim().split(' sha=')[0] : undefined;
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

function install(): boolean {
  return withoutDaemons(() => {
    const packages = ['install', '-y', '--no-install-recommends', 'redis-server'];
    return aptGet(packages) || (aptGet(['update']) && aptGet(packages));
  });
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

function run(command: string, args: readonly string[], stdout: 'pipe' | 'inherit'): SpawnSyncReturns<string> {
  return spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', stdout, stdout],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
