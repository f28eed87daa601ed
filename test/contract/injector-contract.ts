/** What every injector promises. A new kind passes this suite. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { InjectionSpec } from '../../sidecar/core/resources.ts';
import { checkInjection, createInjector } from '../../sidecar/injectors/index.ts';

const bad: readonly (readonly [string, string, RegExp])[] = [
  ['a line feed', 'part-one\npart-two', /line break/],
  ['a carriage return', 'part-one\rpart-two', /line break/],
  ['a header of its own', 'part-one\r\nx-evil: part-two', /line break/],
  ['a trailing line feed', 'part-one:part-two\n', /line break/],
  ['a NUL', 'part-one\0part-two', /NUL/],
  ['an escape', 'part-one\u001bpart-two', /control character/],
  ['a DEL', 'part-one\u007fpart-two', /control character/],
  ['a character beyond Latin-1', 'part-one\u0100part-two', /Latin-1/],
  ['an emoji', 'part-one😀part-two', /Latin-1/],
  ['a space before', ' part-one:part-two', /white space/],
  ['a tab behind', 'part-one:part-two\t', /white space/],
  ['nothing', '', /empty/],
  ['spaces only', '   ', /empty/],
];

/** `spec`: valid options; `secret`: one that they take. */
export function injectorContract(spec: InjectionSpec, secret: string): void {
  describe(`injector contract: ${JSON.stringify(spec)}`, () => {
    it('takes its own options and no others', () => {
      assert.deepEqual(checkInjection(spec), []);
      const problems = checkInjection({ ...spec, nmae: 'x' });
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', /nmae/);
      assert.throws(() => createInjector({ ...spec, nmae: 'x' }), isRefusal('resource_invalid'));
    });

    it('writes the headers that it announces, in lower case, and no others', () => {
      const injector = createInjector(spec);
      assert.equal(injector.kind, spec.kind);
      const flat = injector.inject(secret);
      assert.equal(flat.length % 2, 0);
      const names = flat.filter((_, i) => i % 2 === 0);
      assert.deepEqual(names, injector.headers);
      for (const header of names) assert.equal(header, header.toLowerCase());
      for (const value of flat.filter((_, i) => i % 2 === 1)) assert.ok(new Headers([['x', value]]).get('x') !== '');
    });

    it('gives each secret its own headers, again and again', () => {
      const injector = createInjector(spec);
      const first = injector.inject(secret);
      assert.notDeepEqual(injector.inject(`${secret}2`), first);
      assert.deepEqual(injector.inject(secret), first);
    });

    for (const [what, value, why] of bad) {
      it(`refuses a secret with ${what}, and says so without repeating it`, () => {
        assert.throws(
          () => createInjector(spec).inject(value),
          (error: unknown) => {
            assert.ok(error instanceof CredentialFlowError && error.code === 'secret_invalid');
            assert.match(error.message, why);
            assert.doesNotMatch(error.message, /part-(one|two)/);
            return true;
          },
        );
      });
    }
  });
}

export function isRefusal(code: string): (error: unknown) => boolean {
  return (error) => error instanceof CredentialFlowError && error.code === code;
}
