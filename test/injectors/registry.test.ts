import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkInjection, createInjector } from '../../sidecar/injectors/index.ts';
import { isRefusal } from '../contract/injector-contract.ts';

it('names the known kinds where one is not known', () => {
  assert.match(checkInjection({ kind: 'heder' })[0] ?? '', /known are header, basic/);
  assert.throws(() => createInjector({ kind: 'heder' }), isRefusal('resource_invalid'));
});

it('knows no kinds that objects happen to have', () => {
  for (const kind of ['constructor', '__proto__', 'toString']) assert.equal(checkInjection({ kind }).length, 1);
});
