import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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
    ['mistral', 422, 'neutral'],
    ['azure-openai', 401, 'refused'],
    ['azure-openai', 403, 'neutral'],
    ['cohere', 401, 'refused'],
    ['cohere', 429, 'limited'],
    ['ollama', 401, 'refused'],
    ['ollama', 404, 'neutral'],
    ['generic', 302, 'neutral'],
    ['generic', 401, 'refused'],
  ];
  it('is said for every preset', () => {
    assert.deepEqual(new Set(cases.map(([preset]) => preset)), new Set(presets.keys()));
  });
  for (const id of presets.keys()) {
    it(`${id}: a 429 and a failure of the upstream are never the end of the key`, () => {
      const kindOf = (status: number) => classify(presetOf(id), { status, limits: {} }, 0).kind;
      assert.deepEqual([0, 429, 500, 503, 529].map(kindOf), ['failed', 'limited', 'failed', 'failed', 'failed']);
      assert.equal(kindOf(200), 'accepted');
    });
    it(`${id}: what makes its key suspect is in the guide`, () => {
      const guide = readFileSync(new URL('../../docs/health.md', import.meta.url), 'utf8');
      const row = guide.split('\n').find((line) => line.startsWith('| ') && line.includes(`\`${id}\``)) ?? '';
      const [, , suspectOn = '', , probe = ''] = row.split('|').map((cell) => cell.trim());
      const { deadKey, probe: told } = presetOf(id);
      // Without a probe nothing could tell a suspicion from the truth.
      const statuses = told.needsKey ? [...new Set(deadKey.map(({ status }) => status))] : [];
      assert.deepEqual(
        [...suspectOn.matchAll(/\d{3}/g)].map(([status]) => Number(status)),
        statuses,
      );
      assert.equal(probe.includes(told.path.replace(/=\d{4}-.*$/, '=')), told.needsKey, row);
    });
  }
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
