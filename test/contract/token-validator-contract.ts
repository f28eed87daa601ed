import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { denialTable } from '../../sidecar/core/codes.ts';
import type { TokenValidator } from '../../sidecar/core/ports.ts';

/** What every token validator must do. `good` is a token that it knows. */
export function tokenValidatorContract(create: () => TokenValidator, good: string): void {
  describe(`token validator ${create().kind} keeps the contract`, () => {
    it('gives facts for a token that it knows, the same again when it is warm', async () => {
      const validator = create();
      const facts = await validator.validate(good);
      assert.ok(!('deny' in facts));
      assert.deepEqual(await validator.validate(good), facts);
    });

    const hostile = [
      '',
      good.slice(0, -1),
      `${good}x`,
      good.toUpperCase(),
      ` ${good}`,
      `${good} `,
      `${good}\n`,
      `${good}\0`,
      `${good},${good}`,
      good.slice(0, 5),
      good.slice(0, 5) + '💥'.repeat(20),
      good.slice(0, 5) + '_'.repeat(1_000_000),
    ];
    for (const token of hostile) {
      it(`denies ${JSON.stringify(token.slice(0, 60))} (${token.length} characters) by a known code`, async () => {
        const validator = create();
        if (!validator.accepts(token)) return;
        const validation = await validator.validate(token);
        assert.ok('deny' in validation && validation.deny in denialTable);
        assert.ok(!JSON.stringify(validation).includes(token));
      });
    }
  });
}
