import { installPackage, mayInstall, run, type FoundServer } from './apt.ts';

const howTo = `The tests need a real Redis, and none was found. One of these helps:
  - install it so that redis-server is on the PATH (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)
  - run the tests as root on Debian, where they install it themselves
  - name a server whose data may be lost: TEST_REDIS_URL=redis://127.0.0.1:6379`;

/**
 * A Redis for the tests: `redis-server` on the PATH (each test file starts its own on a free port, in a temporary
 * folder), else installed from Debian's archive, else the server of TEST_REDIS_URL.
 */
export function findRedis(url: string | undefined): FoundServer {
  const version = redisVersion();
  if (version !== undefined) return found(version);
  if (mayInstall() && installPackage('redis-server')) {
    const installed = redisVersion();
    if (installed !== undefined) return found(installed);
  }
  if (url !== undefined && url !== '') return { found: true, message: 'Redis: the server of TEST_REDIS_URL.' };
  return { found: false, message: howTo };
}

function found(version: string): FoundServer {
  return { found: true, message: `Redis: ${version}; tests start their own on free ports.` };
}

function redisVersion(): string | undefined {
  const { status, stdout } = run('redis-server', ['--version'], 'pipe');
  return status === 0 ? stdout.trim().split(' sha=')[0] : undefined;
}
