import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { CredentialFlowError } from '../core/error.ts';
import type { Log } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { checkSingleOption, requireUsable, type SecretManagerKind } from './secret-manager-kind.ts';

const pollMs = 1_000;
const maxBytes = 65_536;

/**
 * `{ from: file, path: /run/secrets/openai }`: one trailing line break is not part of the secret. Looked at each second:
 * by identity and times, which also change when Kubernetes swaps the symlink behind a mounted Secret.
 */
export const file: SecretManagerKind = {
  kind: 'file',
  check: (reference) => checkSingleOption(reference, 'path', (value) => value !== '', 'the path of a file'),
  create: ({ clock, log }) => {
    const warned = new Set<string>();
    return {
      kind: 'file',
      check: (reference) => file.check(reference),
      resolve: (reference) => readSecret(String(reference.path), log, warned),
      watch(reference, changed) {
        const path = String(reference.path);
        let known: string | undefined;
        let looking = false;
        let stopped = false;
        const look = async (): Promise<void> => {
          if (looking) return;
          looking = true;
          const now = await signatureOf(path);
          looking = false;
          if (stopped) return;
          const isSame = now === known;
          known = now;
          // Also the first time: the file may have changed after it was read and before it was watched.
          if (!isSame) changed();
        };
        void look();
        const cancel = clock.every(pollMs, () => void look());
        return () => {
          stopped = true;
          cancel();
        };
      },
    };
  },
};

async function readSecret(path: string, log: Log, warned: Set<string>): Promise<Secret> {
  const text = await readBounded(path, log, warned);
  return requireUsable(text.replace(/\r?\n$/, ''), `the file ${path}`);
}

async function readBounded(path: string, log: Log, warned: Set<string>): Promise<string> {
  let handle;
  try {
    // A pipe without a writer would block a thread of the pool for good.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const about = await handle.stat();
    const { size, mode } = about;
    if (!about.isFile()) throw new CredentialFlowError('secret_invalid', `the file ${path} is not a regular file`);
    if (size > maxBytes) throw new CredentialFlowError('secret_invalid', `the file ${path} is larger than 64 KiB`);
    if ((mode & 0o037) !== 0 && !warned.has(path)) {
      warned.add(path);
      log.warn('secret_file_mode_wide', { path, mode: (mode & 0o777).toString(8), fix: `chmod 0640 ${path}` });
    }
    return await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof CredentialFlowError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new CredentialFlowError('secret_invalid', `the file ${path} cannot be read (${code})`);
  } finally {
    await handle?.close();
  }
}

/** Changes with the content, by rename, by rewrite, or by another target of a symlink on the way. */
async function signatureOf(path: string): Promise<string> {
  try {
    const target = await realpath(path);
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(target);
    return [target, dev, ino, size, mtimeMs, ctimeMs].join('|');
  } catch {
    return 'missing';
  }
}
