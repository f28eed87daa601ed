import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { it } from 'node:test';
import fc from 'fast-check';
import { createMac } from '../../sidecar/token-validators/mac.ts';

it('is HMAC-SHA256, whatever was asked of it before', () => {
  const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(latin1, { minLength: 1 }), (key, texts) => {
      const mac = createMac(key);
      for (const text of texts) {
        assert.equal(mac(text), createHmac('sha256', key).update(text, 'latin1').digest('hex'));
      }
    }),
  );
});

it('takes no key that would have to be hashed first', () => {
  assert.throws(() => createMac(new Uint8Array(65)), RangeError);
});
