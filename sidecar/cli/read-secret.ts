import { Secret } from '../core/secret.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

const maxLength = 65_536;

/**
 * A secret from stdin: what a pipe gives, without one trailing line break, or what is typed, without an echo. Never from
 * an argument: arguments are in the shell's history and in every process list.
 */
export async function readSecret(terminal: Terminal, prompt: string): Promise<Secret> {
  const { stdin } = terminal;
  const text = stdin.isTTY ? await readHidden(terminal, prompt) : (await readAll(stdin)).replace(/\r?\n$/, '');
  if (text === '') throw usageFailure('the secret is empty', 'pipe it in, or type it at the prompt');
  return new Secret(text);
}

async function readAll(stdin: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxLength) throw usageFailure('the secret is longer than 64 KiB');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw usageFailure('the secret is not UTF-8 text');
  }
}

function readHidden(terminal: Terminal, prompt: string): Promise<string> {
  const { stdin } = terminal;
  terminal.err(`${prompt} (not shown): `);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (finish: () => void): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      terminal.err('\n');
      finish();
    };
    const take = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n' || character === '\u0004') {
          end(() => resolve(typed));
          return;
        }
        if (character === '\u0003') {
          end(() => reject(new CliFailure(exitCodes.failed, 'interrupted', { code: 'interrupted' })));
          return;
        }
        if (character === '\u007f' || character === '\b') typed = typed.slice(0, -1);
        else if (character === '\u0015') typed = '';
        else if (typed.length < maxLength) typed += character;
      }
    };
    stdin.on('data', take);
    stdin.resume();
  });
}
