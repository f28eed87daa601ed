import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTextRing } from '../../sidecar/audit/text-ring.ts';

describe('ring of texts', () => {
  it('keeps the newest texts whole, as many as both bounds allow without a gap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), { maxLength: 60 }),
        (maxTexts, maxBytes, added) => {
          const ring = createTextRing({ maxTexts, maxBytes });
          const kept: string[] = [];
          for (const text of added) {
            const place = ring.add(text);
            assert.ok(place >= 0 && place < maxTexts);
            kept.unshift(text.slice(0, maxBytes));
            const read = Array.from(ring.newestFirst(), ring.read);
            assert.deepEqual(read, kept.slice(0, read.length));
            assert.ok(read.length >= 1 && read.length <= maxTexts);
            const bytes = read.reduce((sum, { length }) => sum + length, 0);
            assert.deepEqual(ring.size(), { texts: read.length, bytes });
            assert.ok(bytes <= maxBytes);
            // What was dropped had to go: with the longest text twice over there would have been no room for it.
            const next = kept[read.length];
            if (next !== undefined && read.length < maxTexts) assert.ok(bytes + next.length + 40 > maxBytes);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps every character that a header may hold', () => {
    const text = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
    const ring = createTextRing({ maxTexts: 2, maxBytes: 1_000 });
    assert.equal(ring.read(ring.add(text)), text);
  });
});
