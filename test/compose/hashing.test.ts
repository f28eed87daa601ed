import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { createKeyHasher } from '../../sidecar/compose/hashing.ts';

it('hashes a key the same whether it is kept, forgotten or new', () => {
  const hashOf = createKeyHasher({ maxKept: 2 });
  for (const key of ['a', 'b', 'a', 'c', 'd', 'a', '', 'a', 'ab', 'a']) {
    assert.equal(hashOf(key), createHash('sha256').update(key).digest('hex'));
  }
});
