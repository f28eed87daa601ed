import { Readable } from 'node:stream';
import type { Terminal } from '../../sidecar/cli/terminal.ts';

export interface FakeTerminal extends Terminal {
  readonly written: { out: string; err: string };
}

/** A terminal in memory, without colours; `stdin` is what a pipe gives. */
export function createFakeTerminal(
  options: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly cwd?: string;
    readonly stdin?: string;
  } = {},
): FakeTerminal {
  const written = { out: '', err: '' };
  return {
    env: options.env ?? {},
    cwd: options.cwd ?? '/nowhere',
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]) as unknown as NodeJS.ReadStream,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    outIsTty: false,
    paint: (_style, text) => text,
    paintOut: (_style, text) => text,
    written,
  };
}
