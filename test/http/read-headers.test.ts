import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { createHeaderReader } from '../../sidecar/http/read-headers.ts';

/** As the documentation has it, and nothing else. */
function readSlowly(raw: readonly string[]): { values: Map<string, string>; conflicting: string[] } {
  const values = new Map<string, string>();
  const conflicting: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const value = raw[i + 1] ?? '';
    const first = values.get(name);
    if (first === undefined) values.set(name, value);
    else if (first !== value) conflicting.push(name);
  }
  return { values, conflicting };
}

const names = [
  'Authorization',
  'authorization',
  'X-Api-Key',
  'X-CF-Route',
  'x-cf-route',
  'Constructor',
  '__proto__',
  'Via',
];
const name = fc.oneof(fc.constantFrom(...names), fc.stringMatching(/^[A-Za-z-]{1,80}$/));
const lines = fc.array(fc.tuple(name, fc.constantFrom('a', 'b', '')), { maxLength: 12 });

it('gives what came, whatever came before on the same reader', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(lines, fc.constantFrom(1, 2)), { minLength: 1, maxLength: 6 }), (questions) => {
      const read = createHeaderReader();
      for (const [pairs, times] of questions) {
        for (let time = 0; time < times; time++) {
          const raw = pairs.flat();
          const { headers, conflicting } = read(raw);
          const expected = readSlowly(raw);
          assert.deepEqual([...conflicting], expected.conflicting);
          const own = Object.keys(headers).filter((key) => headers[key] !== undefined);
          assert.deepEqual(new Map(own.map((key) => [key, headers[key]])), expected.values);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

it('keeps nothing of the question before', () => {
  const read = createHeaderReader();
  read(['Authorization', 'Bearer one', 'X-CF-Route', 'a']);
  assert.equal(read(['Authorization', 'Bearer two', 'X-CF-Route', 'b']).headers['authorization'], 'Bearer two');
  assert.equal(read(['X-CF-Route', 'b']).headers['authorization'], undefined);
  assert.equal(read(['X-CF-Route', 'b', 'Via', 'x']).headers['authorization'], undefined);
});

it('has the headers of a body only where they came, since the server looks for their names', () => {
  const read = createHeaderReader();
  assert.equal('content-length' in read(['Host', 'x']).headers, false);
  assert.equal('transfer-encoding' in read(['Host', 'x']).headers, false);
  assert.equal('content-length' in read(['Host', 'x', 'Content-Length', '0']).headers, true);
});
