import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRemaining } from '../../sidecar/ops/limit-headers.ts';

describe('what is left of a limit', () => {
  const remainingIn = createRemaining();
  for (const [name, value, left] of [
    ['x-ratelimit-remaining-requests', '59', [['requests', 59]]],
    ['x-ratelimit-remaining-tokens-minute', '0', [['tokens-minute', 0]]],
    ['anthropic-ratelimit-input-tokens-remaining', '4000', [['input-tokens', 4_000]]],
    ['x-ratelimit-remaining', '4987', [['requests', 4_987]]],
    ['ratelimit-remaining', '7', [['requests', 7]]],
    ['ratelimit', '"default";r=50;t=30', [['default', 50]]],
    ['ratelimit', '"burst";r=1;t=1, "day";t=80000;r=9', [['burst', 1], ['day', 9]]], // prettier-ignore
    ['ratelimit', 'limit=100, remaining=40, reset=30', [['requests', 40]]],
    ['ratelimit', '"default";q=100;w=60', []],
    ['ratelimit', 'r=1'.repeat(60), []],
    ['x-ratelimit-limit-requests', '60', []],
    ['x-ratelimit-reset-requests', '6m0s', []],
    ['x-ratelimit-remaining-requests', 'many', []],
    ['x-ratelimit-remaining-requests', '', []],
    ['retry-after', '7', []],
  ] as const) {
    it(`${name}: ${value}`, () => assert.deepEqual(remainingIn(name, value), left));
  }
});
