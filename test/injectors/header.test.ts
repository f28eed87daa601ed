import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkInjection, createInjector } from '../../sidecar/injectors/index.ts';
import { injectorContract } from '../contract/injector-contract.ts';

injectorContract({ kind: 'header', name: 'x-api-key' }, 'sk-1');
injectorContract({ kind: 'header', name: 'Authorization', prefix: 'Bearer ' }, 'sk-1');

it('puts the secret behind its prefix, into a lower-case header', () => {
  const injector = createInjector({ kind: 'header', name: 'Authorization', prefix: 'Bearer ' });
  assert.deepEqual(injector.inject('sk-1'), ['authorization', 'Bearer sk-1']);
  assert.deepEqual(createInjector({ kind: 'header', name: 'x-api-key' }).inject('sk-1'), ['x-api-key', 'sk-1']);
});

it('carries tabs, spaces and Latin-1 inside a secret as they are', () => {
  const injector = createInjector({ kind: 'header', name: 'x-api-key' });
  assert.deepEqual(injector.inject('a\tb c\u00e9'), ['x-api-key', 'a\tb c\u00e9']);
});

it('refuses a name that is none, is missing, or belongs to the gateway or to us', () => {
  const names = ['', 'x y', 'x:y', 'x\r\ny', 'é', 7, undefined, null, ['x'], 'Host', 'content-length', 'cfcredential'];
  for (const name of names) assert.equal(checkInjection({ kind: 'header', name }).length, 1, String(name));
});

it('refuses a prefix that no header may carry', () => {
  for (const prefix of ['a\r\nb', '\0', 'é', 7, null]) {
    assert.equal(checkInjection({ kind: 'header', name: 'x-api-key', prefix }).length, 1, String(prefix));
  }
});
