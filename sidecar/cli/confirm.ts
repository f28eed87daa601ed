import { createInterface } from 'node:readline/promises';
import { usageFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Asks at the terminal; where there is none, `--yes` must have been said. */
export async function confirm(question: string, terminal: Terminal): Promise<boolean> {
  if (!terminal.stdin.isTTY) throw usageFailure('there is no terminal to ask at', '--yes does it without a question');
  terminal.err(`${question} [y/N] `);
  const lines = createInterface({ input: terminal.stdin });
  try {
    return /^y(es)?$/i.test((await lines.question('')).trim());
  } finally {
    lines.close();
  }
}
