import assert from 'node:assert/strict';
import { it } from 'node:test';
import { redact } from '../../sidecar/core/redact.ts';
import { traceIdOf } from '../../sidecar/core/trace-id.ts';

it('cuts tokens and bearer values out of any text, and leaves the rest', () => {
  const token = `cf_${'aB3_-'.repeat(8)}`;
  for (const [text, cut] of [
    [`/v1/${token}/x`, '/v1/cf_[redacted]/x'],
    [`"${token}","${token}"`, '"cf_[redacted]","cf_[redacted]"'],
    ['Authorization: Bearer sk-proj-1234567890', 'Authorization: Bearer [redacted]'],
    ['bearer%20sk-proj-1234567890', 'bearer [redacted]'],
    ['Basic dXNlcjpwYXNz', 'Basic [redacted]'],
    ['/v1/eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln/x', '/v1/eyJ[redacted]/x'],
    ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', 'eyJ[redacted]'],
  ] as const) {
    assert.equal(redact(text), cut);
  }
  for (const text of ['', 'cf_short', 'a bearer of news', 'cfconsumer', 'x-cf-decision: d1', '/v1/chat/completions']) {
    assert.equal(redact(text), text);
  }
});

it('takes the trace id of a valid traceparent only', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  assert.equal(traceIdOf(`00-${id}-00f067aa0ba902b7-01`), id);
  assert.equal(traceIdOf(`01-${id}-00f067aa0ba902b7-01-what-comes-later`), id);
  for (const wrong of [
    undefined,
    '',
    id,
    `ff-${id}-00f067aa0ba902b7-01`,
    `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${id}-${'0'.repeat(16)}-01`,
    `00-${id}-00f067aa0ba902b7-01x`,
    `00-${id}-00f067aa0ba902b7-01-${'x'.repeat(600)}`,
  ]) {
    assert.equal(traceIdOf(wrong), undefined, wrong);
  }
});
