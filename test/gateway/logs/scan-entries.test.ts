import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { scanEntries } from '../../../sidecar/gateway/logs/scan-entries.ts';
import { entry, type Entry } from './entries.ts';

interface Read {
  readonly values: unknown[];
  readonly broken: number;
  readonly steps: number;
}

function scan(body: string | Uint8Array, maxEntryBytes = 32_768): Read {
  const bytes = Buffer.from(body as Uint8Array);
  const values: unknown[] = [];
  let broken = 0;
  let steps = 0;
  const found = scanEntries(bytes, { maxEntryBytes });
  for (let next = found.next(); next.done !== true; steps++) {
    let isRead: boolean | undefined;
    if (next.value === 'broken') broken++;
    else if (next.value !== 'pause') {
      try {
        values.push(JSON.parse(bytes.toString('utf8', next.value.start, next.value.end)));
        isRead = true;
      } catch {
        isRead = false;
      }
    }
    next = found.next(isRead);
  }
  return { values, broken, steps };
}

const entries = (count: number): Entry[] => Array.from({ length: count }, () => entry({ note: 'a "quote\\", } ü {' }));
const text = (all: readonly Entry[]): string[] => all.map((one) => JSON.stringify(one));

describe('the scan of a batch', () => {
  it('finds entries alone, in an array and one a line', () => {
    const all = entries(3);
    const shapes = [
      JSON.stringify(all),
      ` [ ${text(all).join(' , ')} ] \n`,
      text(all).join('\n'),
      `${text(all).join('\r\n')}\r\n`,
      JSON.stringify(all, undefined, 2),
    ];
    for (const shape of shapes) {
      const { values, broken } = scan(shape);
      assert.deepEqual([values, broken], [all, 0], shape);
    }
    assert.deepEqual(scan(JSON.stringify(all[0])).values, [all[0]]);
    for (const nothing of ['', '[]', ' \n', '[ ]'])
      assert.deepEqual([scan(nothing).values, scan(nothing).broken], [[], 0]);
  });

  it('loses nothing but the bad one', () => {
    const [a, b, c, d] = entries(4);
    const [ta = '', tb = '', tc = '', td = ''] = text([a, b, c, d] as Entry[]);
    const bads = ['{"a":nope}', tb.slice(0, 40), tb.slice(0, -1), tb.replace('"note":"', '"note":'), '{"a":"x\ny"}', '17', '"x"', 'null', '{"a":1]', '{"x":{"y":[{"z":']; // prettier-ignore
    for (const bad of bads) {
      for (const body of [`[${ta},${bad},${tc},${td}]`, [ta, bad, tc, td].join('\n')]) {
        const { values, broken } = scan(body);
        assert.deepEqual(values, [a, c, d], body);
        assert.ok(broken >= 1, body);
      }
    }
  });

  it('keeps what came whole of a body that was cut off anywhere', () => {
    const all = entries(3);
    const whole = Buffer.from(JSON.stringify(all));
    const ends = text(all).map((_, i) => Buffer.byteLength(`[${text(all.slice(0, i + 1)).join(',')}`));
    for (let length = 0; length < whole.length; length++) {
      const { values } = scan(whole.subarray(0, length));
      assert.deepEqual(values, all.slice(0, ends.filter((end) => end <= length).length), String(length));
    }
  });

  it('passes over an entry that is too long', () => {
    const [small] = entries(1);
    const { values, broken } = scan(JSON.stringify([{ big: 'x'.repeat(40_000) }, small]));
    assert.deepEqual([values, broken], [[small], 1]);
  });

  it('finds every good entry among bad ones, whatever the bad ones are', () => {
    const bad = fc.oneof(
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '1', ' ', 'nul') }),
      // None of which can become whole JSON by what follows: that would be one entry, and rightly.
      fc.constantFrom('{"a":nope}', '{"a":1', '{"a":[1 2,', '}', ']]', '{{{'),
      // A piece of an entry that ends outside a string.
      fc.constantFrom('{"request_id":"x"', '{"upstream":{"status":"200"'),
    );
    const good = fc.nat(1e6).map((id) => ({ id, upstream: { status: '200' } }));
    fc.assert(
      fc.property(fc.array(fc.oneof(good, bad), { maxLength: 20 }), (parts) => {
        // A line ends what was broken in it.
        const body = parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join('\n');
        const wanted = parts.filter((part) => typeof part !== 'string');
        const found = scan(body).values.filter((value) => typeof (value as { id?: unknown }).id === 'number');
        assert.deepEqual(found, wanted);
      }),
    );
  });

  it('ends on any bytes, in steps that their length bounds', () => {
    const nasty = fc.constantFrom(...'{}[]",:\\ \n1é'.split('').map((one) => Buffer.from(one)), Buffer.from([0xff]));
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 3_000 }), fc.array(nasty, { maxLength: 3_000 }).map((all) => Buffer.concat(all))); // prettier-ignore
    fc.assert(
      fc.property(bytes, (body) => {
        const { steps } = scan(body, 500);
        assert.ok(steps <= 2 * body.length + 2, String(steps));
      }),
      { numRuns: 300 },
    );
  });

  it('ends soon on a body that is made to waste its time', () => {
    const mebibyte = 1_048_576;
    for (const piece of ['{', '{"', ',{"a":"', '{"a":{', '[{', ':{', '{}', '"{', '\\', '{"a":nope},', ' ']) {
      const began = performance.now();
      scan(piece.repeat(mebibyte / piece.length));
      const tookMs = performance.now() - began;
      // Seconds where the work is quadratic: minutes.
      assert.ok(tookMs < 20_000, `${piece}: ${String(tookMs)} ms`);
    }
  });
});
