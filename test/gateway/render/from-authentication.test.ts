import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readAuthentication } from '../../../sidecar/gateway/render/from-authentication.ts';
import { readMinimumVersion } from '../../../sidecar/gateway/render/minimum-version.ts';

const bearer = (credentialURL: unknown): string =>
  JSON.stringify({ authentication: { type: 'Bearer', credentialURL } });

describe('an authentication block', () => {
  it('names the sidecar, and an upstream where its path does; YAML will do', () => {
    const sidecarUrl = 'http://127.0.0.1:9280';
    assert.deepEqual(readAuthentication(bearer(sidecarUrl)), { sidecarUrl, upstream: undefined, warnings: [] });
    const yaml = `authentication:\n  type: bearer\n  credentialURL: ${sidecarUrl}/api/auth/openai\n`;
    assert.deepEqual(readAuthentication(yaml), { sidecarUrl, upstream: 'openai', warnings: [] });
  });
  for (const [name, text] of [
    ['no YAML', '{{{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a type of the prototype', '{"authentication": "constructor"}'],
    ['a URL of another kind', bearer('file:///etc/passwd')],
    ['a number', bearer(7)],
    ['a user', bearer('http://user@127.0.0.1')],
  ] as const) {
    it(`of ${name} is refused`, () => {
      assert.ok('refusal' in readAuthentication(text));
    });
  }
  it('with a path of its own is warned about', () => {
    for (const path of ['/v1/credentials', '/api/auth/a/b', '/?x=1']) {
      const read = readAuthentication(bearer(`https://cf.internal${path}`));
      assert.ok(!('refusal' in read));
      assert.deepEqual([read.sidecarUrl, read.warnings.length], ['https://cf.internal', 1]);
    }
  });
});

describe('a version', () => {
  it('is 3.17 or newer', () => {
    assert.deepEqual(readMinimumVersion('3.17'), { major: 3, minor: 17 });
    assert.deepEqual(readMinimumVersion('4.0.1'), { major: 4, minor: 0 });
    for (const text of ['3.16.9', '2.99', '', '3', 'v3.17']) assert.ok('refusal' in readMinimumVersion(text), text);
  });
});
