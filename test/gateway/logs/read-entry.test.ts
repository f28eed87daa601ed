import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readEntry, type LogEntry } from '../../../sidecar/gateway/logs/read-entry.ts';
import { entry, loggedAt } from './entries.ts';

const read = (changes: Record<string, unknown> = {}): LogEntry => readEntry(entry(changes)) ?? assert.fail();
const ofUpstream = (upstream: unknown): LogEntry => read({ upstream });

describe('an entry of the log', () => {
  it('is read as the shipped format lays it out', () => {
    const { requestId, ...rest } = read({ llm: { model: 'gpt-4o', prompt_tokens: '12', completion_tokens: '7' } });
    assert.match(requestId, /^[0-9a-f]{32}$/);
    assert.deepEqual(rest, {
      routeId: 'api',
      versionId: 'cv_1',
      loggedAtMs: loggedAt,
      clientStatus: 200,
      upstreamStatus: 200,
      durationMs: 240,
      headerMs: 100,
      requestBytes: 300,
      responseBytes: 700,
      model: 'gpt-4o',
      promptTokens: 12,
      completionTokens: 7,
      limits: { 'retry-after': '2', 'x-ratelimit-remaining-requests': '59' },
    });
  });
  it('takes numbers and numbers as text alike', () => {
    for (const [status, time] of [
      [200, 0.5],
      ['200', '0.5'],
      [' 200 ', ' 0.500 '],
    ]) {
      const { upstreamStatus, durationMs, headerMs } = ofUpstream({ status, response_time: time, header_time: time });
      assert.deepEqual([upstreamStatus, durationMs, headerMs], [200, 500, 500]);
    }
    assert.equal(read({ status: '404' }).clientStatus, 404);
    assert.equal(read({ ts: loggedAt / 1_000 }).loggedAtMs, loggedAt);
  });
  it('counts whole tokens, and no more than a request can have', () => {
    const counted = (prompt: unknown, completion: unknown): readonly unknown[] => {
      const { promptTokens, completionTokens } = read({
        llm: { prompt_tokens: prompt, completion_tokens: completion },
      });
      return [promptTokens, completionTokens];
    };
    assert.deepEqual(counted('12.5', 0.1), [13, 1]);
    assert.deepEqual(counted(1e12, '9007199254740990'), [1_000_000_000, 1_000_000_000]);
    assert.deepEqual(counted('-1', 'many'), [undefined, undefined]);
  });
  it('takes the last of several tries', () => {
    const tried = { status: '502, 200', response_time: '0.010, 0.300', header_time: '-, 0.2' };
    const { upstreamStatus, durationMs, headerMs } = ofUpstream(tried);
    assert.deepEqual([upstreamStatus, durationMs, headerMs], [200, 300, 200]);
    assert.equal(ofUpstream({ status: '502 : 201' }).upstreamStatus, 201);
  });
  it('knows an upstream that gave no answer from one that answered 502', () => {
    assert.equal(ofUpstream({ status: '502', header_time: '-' }).upstreamStatus, 0);
    assert.equal(ofUpstream({ status: '200, 504', header_time: '0.1, -' }).upstreamStatus, 0);
    assert.equal(ofUpstream({ status: '-' }).upstreamStatus, 0);
    assert.equal(ofUpstream({ status: '502', header_time: '0.1' }).upstreamStatus, 502);
    assert.equal(ofUpstream({ status: '502' }).upstreamStatus, 502);
  });
  it('says of a denial that it was not sent on', () => {
    for (const upstream of [{}, undefined, null, 'x', { status: '' }]) {
      assert.equal(ofUpstream(upstream).upstreamStatus, undefined);
    }
  });
  it('knows what ai-proxy sent by the model that it names, for nginx knows no upstream then', () => {
    const llm = {
      model: 'gpt-4o',
      prompt_tokens: '0',
      completion_tokens: '0',
      response_time_ms: 812,
      first_token_ms: '90',
    };
    const sent = (status: number): LogEntry => read({ upstream: undefined, limits: undefined, status, llm });
    const { upstreamStatus, durationMs, headerMs, promptTokens } = sent(401);
    assert.deepEqual([upstreamStatus, durationMs, headerMs, promptTokens], [401, 812, 90, 0]);
    assert.equal(sent(499).upstreamStatus, 0, 'the client left first');
    const refused = read({ upstream: undefined, status: 401, llm: { model: '', prompt_tokens: '0', completion_tokens: '0' } }); // prettier-ignore
    assert.equal(refused.upstreamStatus, undefined);
  });
  it('keeps the limits that the first shipped routes named apart', () => {
    const { limits } = read({ limits: undefined, upstream: { status: '429', retry_after: '7', ratelimit_remaining_requests: 0 } }); // prettier-ignore
    assert.deepEqual(limits, { 'retry-after': '7', 'x-ratelimit-remaining-requests': '0' });
  });
  it('lowers the names of limits and leaves out what is none', () => {
    const { limits } = read({ limits: { 'Retry-After': 3, a: '-', b: {}, c: null, d: 'x'.repeat(1_000) } });
    assert.deepEqual(limits, { 'retry-after': '3' });
  });
  it('does without any field', () => {
    const { limits, clientStatus, ...rest } = readEntry({}) ?? assert.fail();
    assert.deepEqual([limits, clientStatus], [{}, 0]);
    for (const [name, value] of Object.entries(rest)) assert.ok(value === undefined || value === '', name);
  });
  it('is an object', () => {
    for (const value of [null, undefined, 1, 'x', [], [entry()]]) assert.equal(readEntry(value), undefined);
  });
  it('is read whatever is in it, with finite numbers only', () => {
    const field = fc.oneof(fc.jsonValue(), fc.constantFrom('-', '1, 2', '1e999', '-5', 'NaN', '0x10', Infinity, -1));
    const fields = ['ts', 'status', 'request_id', 'credential', 'request_length', 'limits', 'llm', 'upstream'];
    const record = fc.record(Object.fromEntries(fields.map((name) => [name, field])), { requiredKeys: [] });
    const upstream = fc.record({ status: field, response_time: field, header_time: field, retry_after: field });
    fc.assert(
      fc.property(record, upstream, (some, nested) => {
        for (const value of [some, { ...some, upstream: nested }]) {
          for (const found of Object.values(readEntry(value) ?? assert.fail())) {
            if (typeof found === 'number') assert.ok(Number.isFinite(found) && found >= 0, String(found));
          }
        }
      }),
    );
  });
});
