import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkInjection, createInjector } from '../../sidecar/injectors/index.ts';
import { injectorContract } from '../contract/injector-contract.ts';

injectorContract({ kind: 'header', name: 'X-Token', prefix: 'Token ' }, 'abc');
injectorContract({ kind: 'basic', username: 'svc' }, 'abc');
injectorContract({ kind: 'basic' }, 'user:password');

describe('injectors', () => {
  it('put the secret after the prefix', () => {
    const spec = { kind: 'header', name: 'Authorization', prefix: 'Bearer ' };
    assert.deepEqual(createInjector(spec).inject('sk'), ['authorization', 'Bearer sk']);
    assert.deepEqual(createInjector({ kind: 'header', name: 'api-key' }).inject('sk'), ['api-key', 'sk']);
  });

  it('encode Basic credentials as RFC 7617 says', () => {
    const expected = `Basic ${Buffer.from('Aladdin:open sesame').toString('base64')}`;
    assert.deepEqual(createInjector({ kind: 'basic', username: 'Aladdin' }).inject('open sesame'), [
      'authorization',
      expected,
    ]);
    assert.deepEqual(createInjector({ kind: 'basic' }).inject('Aladdin:open sesame'), ['authorization', expected]);
    assert.throws(() => createInjector({ kind: 'basic' }).inject('nocolon'), /user:password/);
  });

  it('refuse options that could not work', () => {
    const bad = [
      { kind: 'header' },
      { kind: 'header', name: 'a b' },
      { kind: 'header', name: 'Host' },
      { kind: 'header', name: 'x', prefix: 'a\nb' },
      { kind: 'basic', username: 'a:b' },
      { kind: 'query', name: 'key' },
    ];
    for (const spec of bad) {
      assert.ok(checkInjection(spec).length > 0, JSON.stringify(spec));
      assert.throws(() => createInjector(spec), { code: 'resource_invalid' });
    }
  });
});
