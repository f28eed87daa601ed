import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { openStore, parseStoreUrl } from '../../sidecar/stores/index.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createLogList } from './open-sqlite.ts';

const deps = () => ({ clock: createFakeClock(), log: createLogList() });

test('reads the URLs of stores', () => {
  assert.deepEqual(parseStoreUrl('sqlite::memory:'), { kind: 'sqlite', location: ':memory:' });
  assert.deepEqual(parseStoreUrl('sqlite:data/store.db'), { kind: 'sqlite', location: 'data/store.db' });
  assert.deepEqual(parseStoreUrl('sqlite:/var/lib/x.db'), { kind: 'sqlite', location: '/var/lib/x.db' });
  assert.deepEqual(parseStoreUrl('sqlite:///var/lib/x.db'), { kind: 'sqlite', location: '///var/lib/x.db' });
});

test('refuses other URLs without repeating them', () => {
  const urls = [
    '',
    'x',
    'mysql://u:hunter2@h/db',
    'sqlite:',
    'sqlite://data/hunter2.db',
    'postgres://u:hunter2@h/db?x=1',
  ];
  for (const url of urls) {
    assert.throws(
      () => parseStoreUrl(url),
      (error) => {
        assert.ok(error instanceof CredentialFlowError);
        assert.equal(error.code, 'config_invalid');
        assert.ok(!String(error).includes('hunter2'));
        return true;
      },
      url,
    );
  }
});

test('opens the store of the URL, durable unless the files are the only authority', async (t) => {
  const store = await openStore('sqlite::memory:', {}, deps());
  t.after(() => store.close());
  assert.equal(store.kind, 'sqlite');
  assert.equal(store.durable, true);
  const readOnly = await openStore('sqlite::memory:', { readOnlyBecauseOfFiles: true }, deps());
  t.after(() => readOnly.close());
  assert.equal(readOnly.durable, false);
  await assert.rejects(openStore('postgres://h/db', {}, deps()), { code: 'config_invalid' });
});
