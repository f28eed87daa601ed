import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkVersion } from '../../../sidecar/gateway/doctor/checks/version.ts';

describe('the version that the doctor sees', () => {
  for (const [server, outcome] of [
    ['APISIX/3.18.0', 'ok'],
    ['APISIX/3.17.0', 'ok'],
    ['APISIX/3.16.0', 'failed'],
    ['APISIX/2.15.3', 'failed'],
    ['APISIX', 'skipped'],
    ['openresty', 'skipped'],
    [undefined, 'skipped'],
  ] as const) {
    it(`${server ?? 'none'}: ${outcome}`, () => {
      const headers: Record<string, string> = server === undefined ? {} : { server };
      assert.equal(checkVersion({ status: 200, headers, body: '' }).outcome, outcome);
    });
  }
});
