import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Store } from '../../sidecar/core/ports.ts';
import type { PostgresOptions } from '../../sidecar/stores/postgres.ts';
import { admin, collect, hashOf, many, applyOptions, put, putToken } from '../contract/store/samples.ts';
import { until } from '../support/until.ts';
import { postgresForTests } from './open-postgres.ts';

const { server, open } = await postgresForTests();
const mine = { skip: server.own ? false : 'the server is shared' };

/** Shorter than in life, so that the tests need not wait long for what must fail. */
const quick: PostgresOptions = {
  lookupTimeoutMs: 400,
  times: { readMs: 1_000, write: { connectMs: 1_000, statementMs: 1_000, lockMs: 1_000, idleMs: 1_000 } },
};

async function filled(t: TestContext): Promise<{ readonly store: Store; readonly url: string }> {
  const url = await server.database('connect_timeout=1');
  const store = await open(t, url, quick);
  await store.write([put('team'), putToken('t')], admin);
  return { store, url };
}

/** Rejects with `store_failed`, and within `withinMs` on a machine that is not too busy. */
async function fails(work: () => Promise<unknown>, withinMs: number): Promise<void> {
  const began = performance.now();
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof CredentialFlowError, String(error));
    assert.equal(error.code, 'store_failed');
    assert.ok(!String(error.stack).includes('hunter2'));
    return true;
  });
  const took = performance.now() - began;
  assert.ok(took < withinMs, `took ${Math.round(took)} ms`);
}

const works = async (store: Store): Promise<boolean> => {
  try {
    return (await store.findToken(hashOf('t'))).token !== undefined;
  } catch {
    return false;
  }
};

test('a server that was killed fails every call at once, and works again after its restart', mine, async (t) => {
  const { store } = await filled(t);
  await server.kill();
  for (const call of [
    async () => store.findToken(hashOf('t')),
    () => store.identity(),
    () => store.changesSince(0, 10),
    () => store.write([put('lost')], admin),
    () => store.readAll(),
    () => store.recordTokenUse(new Map([['tok_t', 1]])),
    () => store.setMeta('a', 'b'),
  ]) {
    await fails(call, 5_000);
  }
  await server.restart();
  await until(() => works(store), 'look-ups work again');
  assert.equal((await store.write([put('after')], admin)).revision, 2);
  assert.equal(await store.getResource('consumer', 'lost'), undefined);
});

test('a server that hangs holds nobody beyond the deadline, and is used again when it goes on', mine, async (t) => {
  const { store } = await filled(t);
  // Some connections are in the pool, some must be made.
  await Promise.all(Array.from({ length: 6 }, () => store.getToken('tok_t')));
  server.pause();
  try {
    const looks = Array.from({ length: 40 }, () => fails(async () => store.findToken(hashOf('t')), 5_000));
    const writes = Array.from({ length: 20 }, (_, index) =>
      fails(() => store.write([put(`w${index}`)], admin), 15_000),
    );
    await Promise.all([...looks, ...writes, fails(() => store.changesSince(0, 10), 5_000)]);
  } finally {
    server.resume();
  }
  await until(() => works(store), 'look-ups work again');
  // What was not acknowledged may have been done or not, whole or not at all.
  const { revision } = await store.identity();
  assert.equal((await store.write([put('after')], admin)).revision, revision + 1);
});

test('closes while the server hangs', mine, async (t) => {
  const { store } = await filled(t);
  store.onHint?.(() => undefined);
  await Promise.all(Array.from({ length: 4 }, () => store.getToken('tok_t')));
  const { chunks } = await store.readAll();
  server.pause();
  try {
    const looking = fails(async () => store.findToken(hashOf('t')), 10_000);
    await store.close();
    await looking;
    await assert.rejects(collect(chunks), { code: 'store_failed' });
  } finally {
    server.resume();
  }
});

test('a client that hangs inside a write loses the lock of the revision', async (t) => {
  const { store, url } = await filled(t);
  const hung = await server.connect(url);
  // As the store begins each write.
  await hung.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = 1000; SELECT * FROM store_meta FOR UPDATE`);
  const ended = new Promise((resolve) => hung.once('end', resolve));
  await until(
    () =>
      store.write([put('next')], admin).then(
        () => true,
        () => false,
      ),
    'the lock is free',
  );
  await ended;
});

test('a write that cannot have the lock gives up, and the next one works', async (t) => {
  const { store, url } = await filled(t);
  const holder = await server.connect(url);
  await holder.query('BEGIN; SELECT * FROM store_meta FOR UPDATE');
  await fails(() => store.write([put('late')], admin), 10_000);
  assert.ok(await works(store), 'reads wait for no writer');
  await holder.query('ROLLBACK');
  assert.equal((await store.write([put('next')], admin)).revision, 2);
});

test('an apply whose source stalls is given up', async (t) => {
  const url = await server.database();
  const store = await open(t, url, { ...quick, applyStallMs: 300 });
  async function* stalled() {
    yield many(3);
    await new Promise(() => undefined);
  }
  const applying = fails(() => store.apply(stalled(), applyOptions()), 10_000);
  const writing = store.write([put('after')], admin);
  await applying;
  assert.equal((await writing).revision, 1, 'a source that fails is no fault of the store');
});

test('a reader that rests too long is cut off, and costs the store nothing', mine, async (t) => {
  const { store, url } = await filled(t);
  await store.apply([many(1_200)], applyOptions());
  const { chunks } = await store.readAll();
  const reading = chunks[Symbol.asyncIterator]();
  await reading.next();
  const knife = await server.connect(url);
  await knife.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction'`,
  );
  await assert.rejects(
    async () => {
      while ((await reading.next()).done !== true);
    },
    { code: 'store_failed' },
  );
  assert.ok(await works(store));
});

test('says that the disk is full, and goes on', async (t) => {
  const { store, url } = await filled(t);
  const vandal = await server.connect(url);
  await vandal.query(`
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file with sk-secret' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON resources FOR EACH ROW WHEN (NEW.id = 'big') EXECUTE FUNCTION full_disk()`);
  await assert.rejects(store.write([put('big')], admin), (error) => {
    assert.ok(error instanceof CredentialFlowError);
    assert.equal(error.code, 'storage_full');
    assert.ok(!String(error.stack).includes('sk-secret'));
    return true;
  });
  assert.equal((await store.write([put('small')], admin)).revision, 2);
});

test('shows nothing of a row that it cannot read', async (t) => {
  const { store, url } = await filled(t);
  const vandal = await server.connect(url);
  await vandal.query(`UPDATE resources SET spec = '{"secret":"sk-in-the-row'`);
  await assert.rejects(store.getResource('consumer', 'team'), (error) => {
    assert.ok(error instanceof CredentialFlowError);
    assert.equal(error.code, 'store_failed');
    assert.ok(!String(error.stack).includes('sk-in'));
    return true;
  });
});

test('tells that a fail-over began another history, though the revision goes on', mine, async (t) => {
  const { store } = await filled(t);
  const { timeline, revision } = await store.changesSince(0, 10);
  assert.match(timeline ?? '', /^[0-9A-F]{8}$/);
  await server.restart();
  await until(() => works(store), 'look-ups work again');
  assert.equal((await store.changesSince(0, 10)).timeline, timeline);
  await server.failOver();
  await until(() => works(store), 'look-ups work again');
  const after = await store.changesSince(0, 10);
  assert.equal(after.revision, revision);
  assert.ok((after.timeline ?? '') > (timeline ?? ''), `${String(timeline)} → ${String(after.timeline)}`);
});
