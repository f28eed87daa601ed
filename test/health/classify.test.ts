import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classify } from '../../sidecar/health/classify.ts';
import { judgeProbe } from '../../sidecar/health/judge-probe.ts';
import { presets } from '../../sidecar/presets/index.ts';

const presetOf = (id: string) => presets.get(id) ?? assert.fail(id);

describe('what a status says about the key', () => {
  const cases: [string, number, string][] = [
    ['openai', 200, 'accepted'],
    ['openai', 400, 'neutral'],
    ['openai', 401, 'refused'],
    ['openai', 403, 'neutral'],
    ['openai', 404, 'neutral'],
    ['openai', 429, 'limited'],
    ['openai', 500, 'failed'],
    ['openai', 0, 'failed'],
    ['gemini', 400, 'refused'],
    ['gemini', 403, 'refused'],
    ['anthropic', 529, 'failed'],
    ['anthropic', 401, 'refused'],
    ['mistral', 401, 'refused'],
    ['generic', 302, 'neutral'],
  ];
  for (const [preset, status, kind] of cases) {
    it(`${preset}, ${String(status)}: ${kind}`, () => {
      assert.equal(classify(presetOf(preset), { status, limits: {} }, 0).kind, kind);
    });
  }
  it('needs the body where the status is also that of a wrong request', () => {
    const needsBody = (preset: string, status: number) => {
      const evidence = classify(presetOf(preset), { status, limits: {} }, 0);
      return evidence.kind === 'refused' && evidence.needsBody;
    };
    assert.deepEqual(
      [needsBody('gemini', 400), needsBody('gemini', 401), needsBody('openai', 401)],
      [true, false, false],
    );
  });
});

describe('what a probe’s answer says', () => {
  const judged = (preset: string, status: number, text = '', headers = {}) =>
    judgeProbe(presetOf(preset), { status, text, headers }, 0);

  it('is by status and body, as the preset has it', () => {
    assert.deepEqual(judged('openai', 200), { kind: 'works' });
    assert.deepEqual(judged('openai', 401), { kind: 'dead', reason: 'status_401' });
    assert.deepEqual(judged('openai', 429, '"insufficient_quota"'), { kind: 'dead', reason: 'insufficient_quota' });
    assert.deepEqual(judged('gemini', 400, '"API_KEY_INVALID"'), { kind: 'dead', reason: 'api_key_invalid' });
    assert.deepEqual(judged('gemini', 400, 'pageSize'), { kind: 'unsure' });
  });
  it('is nothing where the upstream fails, redirects or hides the endpoint', () => {
    for (const status of [302, 403, 404, 500, 503]) assert.equal(judged('openai', status).kind, 'unsure');
  });
  it('tells how long to wait, in a header or as google.rpc.RetryInfo', () => {
    assert.deepEqual(judged('openai', 429, '', { 'retry-after': '3' }), { kind: 'limited', untilMs: 3_000 });
    assert.deepEqual(judged('gemini', 429, '{"retryDelay": "34.5s"}'), { kind: 'limited', untilMs: 34_500 });
  });
});
