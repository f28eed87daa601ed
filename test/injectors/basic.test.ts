import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkInjection, createInjector } from '../../sidecar/injectors/index.ts';
import { injectorContract, isRefusal } from '../contract/injector-contract.ts';

injectorContract({ kind: 'basic', username: 'svc' }, 'pass');
injectorContract({ kind: 'basic' }, 'svc:pass');

it("encodes RFC 7617's own example, whoever names the user", () => {
  const expected = ['authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='];
  assert.deepEqual(createInjector({ kind: 'basic', username: 'Aladdin' }).inject('open sesame'), expected);
  assert.deepEqual(createInjector({ kind: 'basic' }).inject('Aladdin:open sesame'), expected);
});

it('encodes what is beyond ASCII as UTF-8', () => {
  const [, value = ''] = createInjector({ kind: 'basic', username: 'test' }).inject('123\u00a3');
  assert.equal(value, 'Basic dGVzdDoxMjPCow==');
});

it('refuses a secret without a colon where no user name is given', () => {
  assert.throws(() => createInjector({ kind: 'basic' }).inject('password-only'), isRefusal('secret_invalid'));
  assert.throws(() => createInjector({ kind: 'basic' }).inject('password-only'), /user:password/);
});

it('refuses a user name that would move the border to the password', () => {
  for (const username of ['a:b', '', 'a\nb', 7, null]) {
    assert.equal(checkInjection({ kind: 'basic', username }).length, 1, String(username));
  }
});
