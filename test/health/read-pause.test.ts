import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPause } from '../../sidecar/health/read-pause.ts';

const now = Date.parse('2026-11-25T12:00:00Z');
const seconds = (headers: Readonly<Record<string, string>>): number | undefined => {
  const until = readPause(headers, now);
  return until === undefined ? undefined : (until - now) / 1_000;
};

describe('until when an answer asks not to be asked', () => {
  const cases: [Readonly<Record<string, string>>, number | undefined][] = [
    [{ 'retry-after': '20' }, 20],
    [{ 'retry-after': 'Wed, 25 Nov 2026 12:02:00 GMT' }, 120],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1.5],
    [{ 'retry-after': '5, 7' }, 7],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '0' }, 0.5],
    [{ 'retry-after': '99999999' }, 86_400],
    [{ 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-remaining-requests': '0' }, 360],
    [{ 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-remaining-requests': '3' }, undefined],
    [{ 'x-ratelimit-reset-requests': '6m0s' }, undefined],
    [
      {
        'x-ratelimit-reset-requests': '120ms',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-tokens': '1h2m3.5s',
        'x-ratelimit-remaining-tokens': '0',
      },
      3_723.5,
    ],
    [{ 'anthropic-ratelimit-tokens-reset': '2026-11-25T12:00:42Z', 'anthropic-ratelimit-tokens-remaining': '0' }, 42],
    [{ ratelimit: '"default";r=0;t=30' }, 30],
    [{ ratelimit: 'limit=10, remaining=0, reset=12' }, 12],
    [{ ratelimit: '"default";r=5;t=30' }, undefined],
    [{ 'x-ratelimit-reset-requests': '__proto__', 'x-ratelimit-remaining-requests': '0' }, undefined],
    [{}, undefined],
  ];
  for (const [headers, wanted] of cases) {
    it(`${JSON.stringify(headers)}: ${String(wanted)}`, () => assert.equal(seconds(headers), wanted));
  }
});
