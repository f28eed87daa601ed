import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isMissing } from '../config/config-document.ts';

/**
 * What tells that a file may have changed: a new inode behind the same name (a rename, or the symlink swap of a
 * Kubernetes ConfigMap), another size, another time. `missing` and `unreadable` are signatures as well.
 */
export async function signatureOf(file: string): Promise<string> {
  try {
    // Symlinks are followed: the name of a ConfigMap's file never changes, what it leads to does.
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join(':');
  } catch (error) {
    return isMissing(error) ? 'missing' : 'unreadable';
  }
}

/** Hex SHA-256 of the content, read in pieces so that no large file holds the loop; undefined: it cannot be read. */
export async function contentHash(file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}
