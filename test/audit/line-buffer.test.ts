import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { createLineBuffer, type LineChunk } from '../../sidecar/audit/line-buffer.ts';

const textOf = (chunks: readonly LineChunk[]): string =>
  chunks.map(({ buffer, length }) => buffer.toString('utf8', 0, length)).join('');

it('gives back every line once, in order, whatever its length and characters', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })), (lines) => {
      const buffer = createLineBuffer({ chunkBytes: 64 });
      for (const line of lines) buffer.add(line);
      assert.equal(buffer.lines(), lines.length);
      const chunks = buffer.takeAll();
      assert.equal(textOf(chunks), lines.map((line) => `${line}\n`).join(''));
      assert.equal(
        chunks.reduce((sum, chunk) => sum + chunk.lines, 0),
        lines.length,
      );
      assert.deepEqual([buffer.lines(), buffer.takeAll().length], [0, 0]);
    }),
  );
});

it('puts back before what came since', () => {
  const buffer = createLineBuffer({ chunkBytes: 64 });
  buffer.add('a');
  const taken = buffer.takeAll();
  buffer.add('b');
  buffer.putBack(taken);
  buffer.add('c');
  assert.equal(buffer.lines(), 3);
  assert.equal(textOf(buffer.takeAll()), 'a\nb\nc\n');
});

it('uses the memory of what is written again, and never of what is not', () => {
  const buffer = createLineBuffer({ chunkBytes: 64 });
  buffer.add('first');
  const [first] = buffer.takeAll();
  assert.ok(first);
  buffer.add('second');
  const [second] = buffer.takeAll();
  assert.notEqual(second?.buffer, first.buffer);
  assert.equal(textOf([first]), 'first\n');
  buffer.recycle(first);
  buffer.add('third');
  buffer.add('x'.repeat(60));
  const later = buffer.takeAll();
  assert.equal(later[0]?.buffer, first.buffer);
  assert.equal(textOf(later), `third\n${'x'.repeat(60)}\n`);
});
