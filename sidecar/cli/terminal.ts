import { styleText } from 'node:util';

type Style = 'red' | 'green' | 'yellow' | 'bold' | 'dim';

/** Where a command reads and writes. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  /** What was asked for: stdout. */
  out(text: string): void;
  /** Everything about it: stderr. */
  err(text: string): void;
  readonly outIsTty: boolean;
  /** Styles a text for stderr; as it is where there is no terminal, and with NO_COLOR (no-color.org). */
  readonly paint: (style: Style, text: string) => string;
  /** The same for stdout. */
  readonly paintOut: (style: Style, text: string) => string;
}

/** The process's own. */
export function createTerminal(env: Terminal['env']): Terminal {
  const { stdin, stdout, stderr } = process;
  const noColour = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  const painter = (stream: NodeJS.WriteStream) => {
    const colours = stream.isTTY && !noColour;
    return (style: Style, text: string) => (colours ? styleText(style, text, { validateStream: false }) : text);
  };
  return {
    env,
    cwd: process.cwd(),
    stdin,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTty: stdout.isTTY,
    paint: painter(stderr),
    paintOut: painter(stdout),
  };
}
