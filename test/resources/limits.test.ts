import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitSpec } from '../../sidecar/core/resources.ts';
import { resourceDeps } from '../../sidecar/resource-deps.ts';
import { parseResources } from '../../sidecar/resources/parse.ts';

function read(limit: string) {
  const { mutations, problems } = parseResources(`limits:\n  - { id: l, ${limit} }\n`, 'r.yaml', resourceDeps);
  const [put] = mutations;
  return {
    spec: put?.op === 'put' ? (put.spec as LimitSpec) : undefined,
    said: problems.map(({ severity, path, message }) => `${severity} ${path ?? ''} ${message}`),
  };
}

test('a limit is for everybody, each consumer for itself, and enforced, unless it says otherwise', () => {
  assert.deepEqual(read('requests: 10, window: 1m'), {
    said: [],
    spec: {
      consumers: ['*'],
      groups: [],
      labels: {},
      upstreams: ['*'],
      per: ['consumer'],
      measure: 'requests',
      most: 10,
      window_ms: 60_000,
      mode: 'enforce',
      on_cache_loss: 'local',
    },
  });
});

for (const [limit, wrong] of [
  ['window: 1m', /must have one of requests, llm_tokens and concurrent/],
  ['requests: 1, concurrent: 1, window: 1m', /must have one of/],
  ['requests: 1', /needs the window/],
  ['requests: 1, window: 10ms', /at least 1s/],
  ['concurrent: 1, window: 1m', /has no meaning beside concurrent/],
  ['requests: -1, window: 1m', /requests/],
  ['requests: 1, window: 1m, per: [consumer, consumer]', /twice/],
] as const) {
  test(`is refused: ${limit}`, () => {
    assert.match(read(limit).said.join('\n'), new RegExp(`^error .*${wrong.source}`, 'm'));
  });
}

test('a budget of tokens comes with a warning: most routes of a gateway tell none', () => {
  assert.match(read('llm_tokens: 1000, window: 1d').said.join(), /^warning limits\[0\]\.llm_tokens .*ai-proxy/);
  assert.deepEqual(read('concurrent: 5').said, []);
});
