import assert from 'node:assert/strict';
import { it } from 'node:test';
import { usesInTurn } from '../../sidecar/stores/uses-in-turn.ts';

it('gives every use once, in order, a thousand at a time', () => {
  const uses = new Map(Array.from({ length: 2_500 }, (_, index) => [`tok_${String(index)}`, index] as const));
  const lists = [...usesInTurn(uses)];
  assert.deepEqual(
    lists.map(({ length }) => length),
    [1_000, 1_000, 500],
  );
  assert.deepEqual(new Map(lists.flat()), uses);
  assert.equal([...usesInTurn(new Map())].length, 0);
});
