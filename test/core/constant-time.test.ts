import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { equalInConstantTime } from '../../sidecar/core/constant-time.ts';

it('finds texts equal exactly when they are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 6 }), fc.string({ unit: 'binary', maxLength: 6 }), (a, b) => {
      assert.equal(equalInConstantTime(a, b), a === b);
      assert.ok(equalInConstantTime(a, a));
    }),
    { numRuns: 5_000 },
  );
  for (const [a, b] of [['', ''], ['', 'a'], ['a', ''], ['aa', 'a'], ['a', 'aa'], ['ab', 'abab']] as const) {
    assert.equal(equalInConstantTime(a, b), a === b);
  } // prettier-ignore
});
