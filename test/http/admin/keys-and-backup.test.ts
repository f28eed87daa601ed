import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { CredentialFlowError } from '../../../sidecar/core/error.ts';
import type { Actor } from '../../../sidecar/core/ports.ts';
import type { Secret } from '../../../sidecar/core/secret.ts';
import { adminKey, startAdmin, type RunningAdmin } from './start-admin.ts';

describe('keys over the admin API', () => {
  const asked: unknown[] = [];
  const note = (name: string, actor: Actor, ...rest: readonly unknown[]): void => {
    asked.push([name, actor.action, ...rest]);
  };
  let admin: RunningAdmin;
  before(async () => {
    admin = await startAdmin(
      {},
      {
        keys: {
          list: async () => ({ current: 'k1' }),
          async rotate(supplied: Secret | undefined, actor) {
            note('rotate', actor, supplied?.reveal());
            return { version: 'k2', made: true };
          },
          async rewrap(from, confirmed, actor) {
            note('rewrap', actor, from, confirmed);
            return { rewrapped: 3, next: from === undefined ? 'c3' : undefined };
          },
          async retire(version, confirmed, actor) {
            note('retire', actor, version, confirmed);
            throw new CredentialFlowError('key_in_use', '3 secrets are sealed with it', {
              problems: [{ severity: 'error', path: 'credential/a', message: 'is sealed with it' }],
            });
          },
        },
      },
    );
  });
  after(() => admin.close());

  it('lists, rotates, re-wraps batch by batch and retires, each as its own action', async () => {
    assert.deepEqual((await admin.call('GET', '/keys')).body, { current: 'k1' });
    assert.deepEqual((await admin.call('POST', '/keys/rotate')).body, { version: 'k2', made: true });
    await admin.call('POST', '/keys/rotate', { key: 'supplied' });
    const first = await admin.call('POST', '/keys/rewrap', {});
    assert.equal(first.body.next, 'c3');
    const second = await admin.call('POST', '/keys/rewrap', { after: 'c3', every_sidecar_has: 'k2' });
    assert.equal(second.body.next, null);
    const refused = await admin.call('POST', '/keys/retire', { version: 'k1' });
    assert.equal(refused.status, 409);
    assert.equal(refused.body.code, 'key_in_use');
    assert.equal(refused.body.errors[0]?.path, 'credential/a');
    assert.deepEqual(asked, [
      ['rotate', 'keys.rotate', undefined],
      ['rotate', 'keys.rotate', 'supplied'],
      ['rewrap', 'keys.rewrap', undefined, undefined],
      ['rewrap', 'keys.rewrap', 'c3', 'k2'],
      ['retire', 'keys.retire', 'k1', undefined],
    ]);
  });

  it('takes no unknown field, no other method, and no word without the admin key', async () => {
    assert.equal((await admin.call('POST', '/keys/retire', {})).status, 400);
    assert.equal((await admin.call('POST', '/keys/rotate', { version: 'k9' })).status, 400);
    assert.equal((await admin.call('DELETE', '/keys')).status, 405);
    for (const path of ['/keys/rotate', '/keys/rewrap', '/keys/retire', '/backup']) {
      assert.equal((await admin.call('GET', path)).status, 405, path);
      const wrong = { authorization: `Bearer ${adminKey}x` };
      assert.equal((await admin.call('POST', path, undefined, wrong)).status, 401, path);
    }
  });

  it('changes no key where the resource file is the only authority', async (t) => {
    const readOnly = await startAdmin({ readOnly: true });
    t.after(() => readOnly.close());
    assert.equal((await readOnly.call('POST', '/keys/rotate')).status, 405);
    assert.equal((await readOnly.call('POST', '/backup')).status, 200);
  });
});

describe('a backup over the admin API', () => {
  it('is bytes, and an audit row names who took it', async (t) => {
    const actors: Actor[] = [];
    const admin = await startAdmin(
      {},
      {
        async takeBackup(actor) {
          actors.push(actor);
          return Readable.from([Buffer.from('one '), Buffer.from('two')]);
        },
      },
    );
    t.after(() => admin.close());
    const answer = await admin.call('POST', '/backup');
    assert.deepEqual([answer.status, answer.text], [200, 'one two']);
    assert.match(answer.headers.get('content-type') ?? '', /octet-stream/);
    assert.partialDeepStrictEqual(actors, [{ name: 'admin', action: 'backup.take' }]);
  });

  it('that breaks off is no whole answer, and is logged without what failed being told to the caller', async (t) => {
    const admin = await startAdmin({}, { takeBackup: async () => breaking() });
    t.after(() => admin.close());
    await assert.rejects(admin.call('POST', '/backup'));
    assert.ok(admin.logged.some((line) => line.includes('backup_failed')));
  });
});

async function* breaking(): AsyncGenerator<Buffer, void> {
  yield Promise.resolve(Buffer.alloc(100_000));
  throw new CredentialFlowError('store_failed', 'the disk broke');
}
