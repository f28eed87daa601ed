import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pathOf, queryOf, readPath, withoutPrefix } from '../../sidecar/core/path.ts';

describe('readPath', () => {
  const accepted: [string, string[]][] = [
    ['/', []],
    ['/v1/chat/completions', ['v1', 'chat', 'completions']],
    ['/v1beta/models/gemini-2.5:generateContent', ['v1beta', 'models', 'gemini-2.5:generateContent']],
    ['/openai/deployments/gpt%204/chat', ['openai', 'deployments', 'gpt 4', 'chat']],
    ['/v1/models/', ['v1', 'models', '']],
    ['/a;b=c,d/e@f+g=h&$i', ['a;b=c,d', 'e@f+g=h&$i']],
    ["/it's(fine)!*~", ["it's(fine)!*~"]],
    ['/caf%C3%A9', ['café']],
    ['/...', ['...']],
    ['/%6fpenai/v1', ['openai', 'v1']],
  ];
  for (const [path, segments] of accepted) {
    it(`reads ${path}`, () => {
      assert.deepEqual(readPath(path, false)?.segments, segments);
    });
  }

  const refused = [
    '', 'v1', '/v1/../admin', '/v1/./x', '/.', '/..', '/a//b', '//a', '/a/..;/b', '/a/..;x=1/b', '/.;/a', '/%2e%2e/a',
    '/%2E%2e/a', '/a/.%2e', '/a%5cb', '/a\\b', '/a%00', '/a%0d%0ab', '/a%3Fadmin=1', '/a%23b', '/a#b', '/a b', '/a\tb',
    '/%252e%252e/a', '/a%2525', '/a%252fb', '/%zz', '/%', '/%c3', '/org%2Fmodel', '/a%2f..%2fb', '/a%7f',
    '/..%3b/x', '/%2e%2e%3bx/y',
  ]; // prettier-ignore
  for (const path of refused) {
    it(`refuses ${JSON.stringify(path)}`, () => {
      assert.equal(readPath(path, false), undefined);
    });
  }

  it('keeps an encoded slash inside its segment where the upstream allows it', () => {
    assert.deepEqual(readPath('/org%2Fmodel/x', true)?.segments, ['org/model', 'x']);
    assert.equal(readPath('/a%2F..%2Fb', true), undefined);
    assert.equal(readPath('/a%2F%2Fb', true), undefined);
    assert.equal(readPath('/a%2F', true), undefined);
  });

  it('reads leniently what a lenient server would cut off', () => {
    const path = readPath('/admin;v=1/users/', false);
    assert.deepEqual(path?.segments, ['admin;v=1', 'users', '']);
    assert.deepEqual(path.lenientSegments, ['admin', 'users']);
  });

  it('gives the same array twice when both readings agree', () => {
    const path = readPath('/v1/models', false);
    assert.equal(path?.lenientSegments, path?.segments);
  });

  it('never yields a segment that a second reader could split, cut or climb with', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'/.%2eEfF5cC;\\?#a0\n'.split('')), maxLength: 24 }), (text) => {
        for (const encodedSlashes of [false, true]) {
          const path = readPath(`/${text}`, encodedSlashes);
          if (path === undefined) continue;
          for (const [i, segment] of path.segments.entries()) {
            assert.ok(segment !== '' || i === path.segments.length - 1);
            assert.ok(!/^\.{1,2}(;|$)/.test(segment));
            // eslint-disable-next-line no-control-regex
            assert.ok(!/[\\?#\u0000-\u001f]/.test(segment));
            assert.ok(!/%[0-9a-f]{2}/i.test(segment));
            if (!encodedSlashes) assert.ok(!segment.includes('/'));
          }
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('parts of a target', () => {
  it('splits path and query at the first question mark', () => {
    assert.equal(pathOf('/a?b?c'), '/a');
    assert.equal(queryOf('/a?b?c'), 'b?c');
    assert.equal(pathOf('/a'), '/a');
    assert.equal(queryOf('/a'), '');
  });

  it('takes a prefix off by whole segments only', () => {
    assert.deepEqual(withoutPrefix(['openai', 'v1'], ['openai']), ['v1']);
    assert.equal(withoutPrefix(['openai2', 'v1'], ['openai']), undefined);
    assert.equal(withoutPrefix(['openai'], ['openai', 'v1']), undefined);
    assert.deepEqual(withoutPrefix(['openai'], ['openai']), []);
  });
});
