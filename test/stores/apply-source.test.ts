import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialize } from 'node:v8';
import { joined } from '../../sidecar/stores/apply-source.ts';
import { file, put } from '../contract/store/samples.ts';

test('joins what chunks hold, in its order, to pieces that are long enough', () => {
  const all = Array.from({ length: 25 }, (_, i) => put(`c${String(i)}`, file));
  const chunks = [all.slice(0, 4), { packed: serialize(all.slice(4, 11)) }, [], all.slice(11, 24), all.slice(24)];
  const pieces = [...joined(chunks, 10)];
  assert.deepEqual(
    pieces.map((piece) => piece.length),
    [11, 13, 1],
  );
  assert.deepEqual(pieces.flat(), all);
  assert.deepEqual([...joined([[]], 10)], []);
});
