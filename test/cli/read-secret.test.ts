import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { readSecret } from '../../sidecar/cli/read-secret.ts';
import { createFakeTerminal } from './fake-terminal.ts';

/** A keyboard that records whether the terminal would echo. */
function createKeyboard() {
  const modes: boolean[] = [];
  const keyboard = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
    setEncoding: () => undefined,
    resume: () => undefined,
    pause: () => undefined,
  });
  const terminal = { ...createFakeTerminal(), stdin: keyboard as unknown as NodeJS.ReadStream };
  return { terminal, modes, type: (text: string) => keyboard.emit('data', text) };
}

describe('a secret from the prompt', () => {
  it('is shown nowhere, and the terminal is as before afterwards', async () => {
    const { terminal, modes, type } = createKeyboard();
    const reading = readSecret(terminal, 'Secret of main');
    for (const key of 'sk-typxd\u007f\u007fed') type(key);
    type('\r');
    assert.equal((await reading).reveal(), 'sk-typed');
    assert.deepEqual(modes, [true, false]);
    assert.ok(!`${terminal.written.out}${terminal.written.err}`.includes('sk-'));
    assert.match(terminal.written.err, /Secret of main/);
  });

  it('is taken when pasted in one piece, up to the line break', async () => {
    const { terminal, type } = createKeyboard();
    const reading = readSecret(terminal, 'Secret');
    type('wrong\u0015sk-pasted\nrest');
    assert.equal((await reading).reveal(), 'sk-pasted');
  });

  it('ends with Ctrl-C, with the echo back on', async () => {
    const { terminal, modes, type } = createKeyboard();
    const reading = readSecret(terminal, 'Secret');
    type('sk-\u0003');
    await assert.rejects(reading, /interrupted/);
    assert.deepEqual(modes, [true, false]);
  });

  it('must not be empty', async () => {
    const { terminal, type } = createKeyboard();
    const reading = readSecret(terminal, 'Secret');
    type('\r');
    await assert.rejects(reading, /empty/);
  });
});

describe('a secret from a pipe', () => {
  it('loses one line break at its end, and nothing else', async () => {
    for (const [piped, read] of [
      ['sk-1', 'sk-1'],
      ['sk-1\n', 'sk-1'],
      ['sk-1\r\n', 'sk-1'],
      ['sk-1\n\n', 'sk-1\n'],
      [' sk-1 ', ' sk-1 '],
    ] as const) {
      assert.equal((await readSecret(createFakeTerminal({ stdin: piped }), 'Secret')).reveal(), read);
    }
  });

  it('has a bound', async () => {
    const terminal = createFakeTerminal({ stdin: 'x'.repeat(65_537) });
    await assert.rejects(readSecret(terminal, 'Secret'), /64 KiB/);
  });
});
