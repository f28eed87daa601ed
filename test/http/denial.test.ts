import assert from 'node:assert/strict';
import { it } from 'node:test';
import { denialTable, type CodeRow, type DenialCode } from '../../sidecar/core/codes.ts';
import type { DenialBodies } from '../../sidecar/core/preset.ts';
import { createDenialRenderer } from '../../sidecar/http/denial.ts';

const codes = Object.keys(denialTable) as DenialCode[];
const bodies: DenialBodies = {
  default: { error: { code: '{status}', text: 'Error {status}: {message}', list: ['{code}', 1, null, true] } },
  byStatus: { '401': { type: 'error', error: { type: 'authentication_error', message: '{message}' } } },
};

it('fills the template of the status, else the default, and keeps numbers numbers', () => {
  const denials = createDenialRenderer();
  assert.deepEqual(JSON.parse(denials.render('token_unknown', bodies, 0).body), {
    type: 'error',
    error: { type: 'authentication_error', message: 'The API key is not valid.' },
  });
  assert.deepEqual(JSON.parse(denials.render('policy_denied', bodies, 0).body), {
    error: {
      code: 403,
      text: 'Error 403: A policy denies this request.',
      list: ['policy_denied', 1, null, true],
    },
  });
});

it('has for every code: its status, valid JSON, the true length, headers that HTTP may carry', () => {
  const denials = createDenialRenderer();
  for (const code of codes) {
    for (const shape of [undefined, bodies]) {
      const answer = denials.render(code, shape, 0);
      const headers = headersOf(answer.headers);
      assert.equal(answer.status, denialTable[code].status);
      assert.ok(answer.body.includes(denialTable[code].message.slice(0, 10)));
      JSON.parse(answer.body);
      assert.equal(headers['content-length'], String(Buffer.byteLength(answer.body)));
      assert.equal(headers['www-authenticate'] !== undefined, answer.status === 401);
      assert.ok(Object.values(headers).every((value) => /^[ -~]*$/.test(value)));
      assert.equal((headers['www-authenticate'] ?? '').split('"').length % 2, 1, 'quotes are balanced');
    }
  }
});

it('invites to retry only what may pass later', () => {
  const denials = createDenialRenderer();
  for (const code of codes) {
    const headers = headersOf(denials.render(code, undefined, 0).headers);
    const row: CodeRow = denialTable[code];
    const lasting = code === 'credential_missing' || code === 'credential_dead';
    const passes = (row.status === 503 || row.status === 429) && !lasting;
    assert.equal(headers['x-should-retry'], String(passes), code);
    assert.equal(headers['retry-after'], passes ? '1' : undefined, code);
  }
  const waiting = headersOf(denials.render('overloaded', undefined, 1_200.4).headers);
  assert.deepEqual([waiting['retry-after'], waiting['retry-after-ms']], ['2', '1201']);
  const again = headersOf(denials.render('overloaded', undefined, 10).headers);
  assert.deepEqual([again['retry-after'], again['retry-after-ms']], ['1', '10'], 'nothing sticks');
});

it('names the fault of the token as RFC 6750 does, and none where there was no token', () => {
  const denials = createDenialRenderer();
  const challenge = (code: DenialCode): string | undefined =>
    headersOf(denials.render(code, undefined, 0).headers)['www-authenticate'];
  assert.equal(challenge('token_missing'), 'Bearer realm="credentialflow"');
  assert.equal(challenge('gateway_key_missing'), 'Bearer realm="credentialflow"');
  assert.match(challenge('token_revoked') ?? '', /^Bearer realm="credentialflow", error="invalid_token", error_desc/);
  assert.match(challenge('token_conflict') ?? '', /error="invalid_request"/);
});

function headersOf(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) headers[flat[i] ?? ''] = flat[i + 1] ?? '';
  return headers;
}
