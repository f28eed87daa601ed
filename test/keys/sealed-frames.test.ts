import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { createFrameSealer, type FrameSealer } from '../../sidecar/keys/sealed-frames.ts';

const sealer = (byte: number, version = 'k1'): FrameSealer =>
  createFrameSealer(createKeyring([{ version, key: new Secret(new Uint8Array(32).fill(byte)) }]));

function sealed(texts: readonly string[], binding = 'thing', by = sealer(1)): { whole: Buffer; parts: Buffer[] } {
  const sequence = by.begin(binding);
  const parts = [sequence.head, ...texts.map((text, i) => sequence.seal(text, i === texts.length - 1))];
  return { whole: Buffer.concat(parts), parts };
}

const texts = ['first frame', '', 'sk-in-the-middle ☂', 'the last'];
const refusal = { code: 'secret_invalid' };
const open = (bytes: Buffer, binding = 'thing', by = sealer(1)): string[] => [...by.open(binding, bytes)];

describe('sealed frames', () => {
  it('open as they were sealed, and show nothing of what is in them', () => {
    const { whole } = sealed(texts);
    assert.deepEqual(open(whole), texts);
    assert.ok(!whole.includes('middle') && !whole.includes('first'));
    assert.notDeepEqual(sealed(texts).whole, whole);
  });

  it('open for the one thing and under the one master key that they were made for', () => {
    const { whole } = sealed(texts);
    assert.throws(() => open(whole, 'another thing'), refusal);
    assert.throws(() => open(whole, 'thing', sealer(2)), refusal);
    assert.throws(() => open(whole, 'thing', sealer(1, 'k2')), /another key \("k1"\)/);
  });

  it('do not open when they are cut anywhere', () => {
    const { whole } = sealed(texts);
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => open(whole.subarray(0, length)), refusal, `${String(length)} bytes`);
    }
  });

  it('do not open when any byte is another one', () => {
    const { whole } = sealed(texts);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.throws(() => open(changed), refusal, `byte ${String(at)}`);
    }
  });

  it('do not open in another order, twice, without one, or with one of another sequence', () => {
    const { parts } = sealed(texts);
    const other = sealed(texts).parts;
    const [head, a, b, c, last] = parts as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const attempts = [
      [head, b, a, c, last],
      [head, a, a, b, c, last],
      [head, a, c, last],
      [head, a, b, c, other[4] ?? Buffer.alloc(0)],
      [other[0] ?? Buffer.alloc(0), a, b, c, last],
      [head, a, b, c, last, last],
      [head, last],
    ];
    for (const attempt of attempts) assert.throws(() => open(Buffer.concat(attempt)), refusal);
  });
});
