import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { costOf, type PriceSpec } from '../../sidecar/core/prices.ts';

const line = (model: string, input: number, output: number): PriceSpec => ({
  model,
  input_micros: input * 1_000_000,
  output_micros: output * 1_000_000,
});
const used = (model: string | undefined, promptTokens = 1_000_000, completionTokens = 0) => ({
  model,
  promptTokens,
  completionTokens,
});

test('the first line that fits counts', () => {
  const prices = [line('gpt-5-mini', 1, 2), line('gpt-5*', 3, 4), line('*-mini', 5, 6)];
  const inputOf = (model: string): number => costOf(prices, used(model)).micros / 1_000_000;
  assert.deepEqual(['gpt-5-mini', 'gpt-5-nano', 'gpt-5', 'o4-mini'].map(inputOf), [1, 3, 3, 5]);
});

test('a prompt and an answer have prices of their own, and no token is for nothing by rounding', () => {
  const prices = [line('m', 0.25, 2)];
  assert.deepEqual(costOf(prices, used('m', 1_000, 500)), { micros: 1_250, priced: true });
  assert.equal(costOf(prices, used('m', 1, 0)).micros, 1);
  assert.equal(costOf(prices, used('m', 0, 0)).micros, 0);
});

test('a model that is not listed costs as much as the dearest of each', () => {
  const prices = [line('a', 1, 20), line('b', 5, 2)];
  for (const model of ['c', 'aa', 'A', '', undefined]) {
    assert.deepEqual(costOf(prices, used(model, 1_000_000, 1_000_000)), { micros: 25_000_000, priced: false });
  }
  assert.deepEqual(costOf([], used('a')), { micros: 0, priced: false });
});

test('a pattern matches as a regular expression would', () => {
  const glob = fc.stringMatching(/^[ab*]{1,8}$/);
  fc.assert(
    fc.property(glob, fc.stringMatching(/^[ab]{0,10}$/), (pattern, model) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(model);
      assert.equal(costOf([line(pattern, 1, 1)], used(model)).priced, expected);
    }),
  );
});

test('a pattern of many stars is as quick as any', () => {
  const begunMs = performance.now();
  for (let i = 0; i < 100; i++) costOf([line('*a'.repeat(64) + 'b', 1, 1)], used('a'.repeat(200)));
  assert.ok(performance.now() - begunMs < 2_000);
});
