/** Two sidecars that seal the same secrets anew at once: the lock saves the work, the store decides what is right. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createCache } from '../../sidecar/caches/index.ts';
import type { Clock, SharedLocks, Store } from '../../sidecar/core/ports.ts';
import { createKeyAdministration, type KeyAdministration } from '../../sidecar/keys/key-administration.ts';
import { rewrapInTurn } from '../../sidecar/keys/rewrap-in-turn.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';
import { admin, openMemoryStore, opened, ring, sealedCredential, secretOf } from './support.ts';

const log = recordingLog();
/** No wait is ever over by it: how long a batch takes on this machine is not the point. */
const patient: Clock = { ...systemClock, monotonic: () => 0 };
const ids = Array.from({ length: 40 }, (_, i) => `c${String(i).padStart(3, '0')}`);

/** A store whose secrets are sealed with k1, and what was written to it since. */
async function scene(t: TestContext): Promise<{ readonly store: Store; readonly writes: () => number }> {
  const real = await openMemoryStore(t);
  await real.write(await Promise.all(ids.map((id) => sealedCredential(id, ring('k1')))), admin);
  let writes = 0;
  const store: Store = {
    ...real,
    write(...args) {
      writes += 1;
      return real.write(...args);
    },
  };
  return { store, writes: () => writes };
}

function sidecar(store: Store, locks: SharedLocks, clock: Clock = patient): KeyAdministration {
  const deps = { store, keyring: ring('k2', 'k1'), onChange: async () => undefined, log };
  const administration = createKeyAdministration({ shared: true }, deps);
  return rewrapInTurn(administration, { locks, storeId: () => 'store', clock });
}

async function bothAtOnce(store: Store, locks: SharedLocks) {
  const steps = await Promise.all([1, 2].map(() => sidecar(store, locks).rewrap(undefined, 'k2', admin)));
  for (const id of ids) assert.equal(await opened(store, id, ring('k2')), secretOf(id));
  const sum = (what: 'rewrapped' | 'skipped'): number => steps.reduce((total, step) => total + step[what], 0);
  assert.equal(sum('rewrapped'), ids.length, 'each once');
  return sum('skipped');
}

test('the second one waits, and finds the work done', async (t) => {
  const { store, writes } = await scene(t);
  const { locks } = await createCache('memory', {}, { clock: patient, log });
  assert.equal(await bothAtOnce(store, locks), 0);
  assert.equal(writes(), 1);
  assert.ok(await locks.take('rewrap:store', 1_000), 'it was released');
});

test('without the lock each secret is still sealed anew once, by its revision in the store', async (t) => {
  const { store, writes } = await scene(t);
  assert.equal(await bothAtOnce(store, { take: () => Promise.reject(new Error('away')) }), ids.length);
  assert.ok(writes() > ids.length, 'the work that the lock saves');
});

test('a lock that somebody never gives back costs a pause, not the rotation', async (t) => {
  const { store } = await scene(t);
  const clock = createFakeClock();
  const held = { take: () => Promise.resolve(undefined) };
  let isDone = false;
  const step = sidecar(store, held, clock).rewrap(undefined, 'k2', admin);
  void step.finally(() => (isDone = true));
  while (clock.monotonic() < 2_100) {
    assert.ok(!isDone, 'it waits');
    clock.advance(50);
    await new Promise(setImmediate);
  }
  const { rewrapped } = await step;
  assert.equal(rewrapped, ids.length);
});

test('a batch that fails gives the lock back', async (t) => {
  const { store } = await scene(t);
  const { locks } = await createCache('memory', {}, { clock: patient, log });
  await assert.rejects(sidecar(store, locks).rewrap(undefined, 'wrong', admin), { code: 'keys_shared' });
  assert.ok(await locks.take('rewrap:store', 1_000));
});
