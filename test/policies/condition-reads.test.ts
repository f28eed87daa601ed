import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createUpstreamReads } from '../../sidecar/core/condition-reads.ts';
import { conditionReads } from '../../sidecar/resource-deps.ts';

const table: readonly (readonly [when: string, headers: readonly string[], args: readonly string[]])[] = [
  ['request.model == "a"', [], ['model']],
  ['request.arg("max_tokens") != "" && request.arg("model") == "a"', [], ['max_tokens', 'model']],
  ['["a", "b"].exists(m, request.model == m)', [], ['model']],
  ['(time.now > token.expires_at ? request : request).model == "a"', [], ['model']],
  ['request.header("x-tenant") == "" || request.header("origin").startsWith("https://")', ['x-tenant', 'origin'], []],
  ['consumer.labels.model == "a" && "model" in request.query && request.query.model == ["a"]', [], []],
  ['source.inside("10.0.0.0/8") && request.path == "/v1"', [], []],
  ['request.modle == "a"', [], []],
];
for (const [when, headers, args] of table) {
  it(`knows what the gateway must pass for ${when}`, () => {
    assert.deepEqual(conditionReads(when), { headers, args });
  });
}

it('an upstream needs what all policies over it read, those over every upstream too', () => {
  const reads = createUpstreamReads(
    [
      { upstreams: ['openai'], when: 'request.model == "a"' },
      { upstreams: ['*'], when: 'request.header("x-tenant") == "a" && request.arg("user") == "b"' },
      { upstreams: ['mistral'], when: 'request.arg("stream") == "true"' },
      { upstreams: ['openai'] },
    ],
    conditionReads,
  );
  assert.deepEqual(reads('openai'), { headers: ['x-tenant'], args: ['model', 'user'] });
  assert.deepEqual(reads('gemini'), { headers: ['x-tenant'], args: ['user'] });
});
