import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { inspect } from 'node:util';
import { createKeyHasher, createTokenHasher } from '../../sidecar/compose/hashing.ts';

it('hashes a key the same whether it is kept, forgotten or new', () => {
  const hashOf = createKeyHasher({ maxKept: 2 });
  for (const key of ['a', 'b', 'a', 'c', 'd', 'a', '', 'a', 'ab', 'a']) {
    assert.equal(hashOf(key), createHash('sha256').update(key).digest('hex'));
  }
});

it('hashes a token the same whether it is kept, forgotten, new, or ends like one that is kept', () => {
  const hasher = createTokenHasher({ maxKept: 2 });
  const end = 'e'.repeat(40);
  for (const token of ['a', 'b', 'a', 'c', 'd', 'a', '', 'ab'].flatMap((start) => [start + end, start])) {
    const expected = createHash('sha256').update(token).digest('hex');
    assert.equal(hasher.sha256(token), expected);
    hasher.keep(token, expected);
    assert.equal(hasher.sha256(token), expected);
  }
  assert.ok(!inspect(hasher, { depth: 9, showHidden: true }).includes('eeee'));
});
