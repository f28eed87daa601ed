import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AuditSink } from '../../core/ports.ts';

export interface FileSinkOptions {
  readonly path: string;
  /** The file rotates before it would grow beyond this. */
  readonly maxFileBytes: number;
  /** Files kept, the current one included: `path`, `path.1` (the youngest) … */
  readonly maxFiles: number;
}

interface Current {
  readonly file: FileHandle;
  /** False: a device or a pipe, which has neither rights of its own nor a size. */
  readonly regular: boolean;
  bytes: number;
}

/** Appends to a file of mode 0600. A write that fails (a full disk) leaves no half line behind; the next one starts anew. */
export function createFileSink(options: FileSinkOptions): AuditSink {
  const { path, maxFileBytes, maxFiles } = options;
  let current: Current | undefined;

  async function openCurrent(): Promise<Current> {
    if (current !== undefined) return current;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'a+', 0o600);
    try {
      current = await prepare(file);
    } catch (error) {
      await file.close();
      throw error;
    }
    return current;
  }

  async function closeCurrent(): Promise<void> {
    const closing = current;
    current = undefined;
    await closing?.file.close();
  }

  async function rotate(): Promise<void> {
    await closeCurrent();
    await rm(numbered(maxFiles - 1), { force: true });
    for (let number = maxFiles - 2; number >= 0; number--) {
      await rename(numbered(number), numbered(number + 1)).catch(ignoreMissing);
    }
  }

  function numbered(number: number): string {
    return number === 0 ? path : `${path}.${number}`;
  }

  async function append(bytes: Uint8Array): Promise<void> {
    const { file, bytes: before } = await openCurrent();
    try {
      await file.appendFile(bytes);
    } catch (error) {
      await file.truncate(before).catch(() => undefined);
      await closeCurrent().catch(() => undefined);
      throw error;
    }
    if (current !== undefined) current.bytes = before + bytes.length;
  }

  return {
    kind: 'file',
    async write(bytes) {
      const { regular, bytes: size } = await openCurrent();
      if (regular && size > 0 && size + bytes.length > maxFileBytes) await rotate();
      await append(bytes);
    },
    close: closeCurrent,
  };
}

/** The file may be there already, with other rights, or with half a line of a process that was killed. */
async function prepare(file: FileHandle): Promise<Current> {
  const stat = await file.stat();
  if (!stat.isFile()) return { file, regular: false, bytes: 0 };
  await file.chmod(0o600);
  if (await endsInLine(file, stat.size)) return { file, regular: true, bytes: stat.size };
  await file.appendFile('\n');
  return { file, regular: true, bytes: stat.size + 1 };
}

async function endsInLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString('latin1') === '\n';
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
