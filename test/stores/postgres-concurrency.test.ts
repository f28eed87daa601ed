import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrations } from '../../sidecar/stores/migrations/index.ts';
import { admin, changesAfter, hashOf, put, putToken } from '../contract/store/samples.ts';
import { until } from '../support/until.ts';
import { postgresForTests } from './open-postgres.ts';

const { server, open, log } = await postgresForTests();

test('a poller loses neither of two overlapping writes, and meets them in the order of their revisions', async (t) => {
  const url = await server.database();
  const first = await open(t, url);
  const second = await open(t, url);
  // Stands in the way of the first write after it has its revision: the second comes meanwhile.
  const rival = await server.connect(url);
  await first.write([put('held')], admin);
  await rival.query(`BEGIN; SELECT * FROM resources WHERE id = 'held' FOR UPDATE`);
  const slow = first.write([put('held', 'api', 'x')], admin);
  const watcher = await server.connect(url);
  const waiting = async (): Promise<number> => {
    const { rows } = await watcher.query<{ n: string }>(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return Number(rows[0]?.n);
  };
  await until(async () => (await waiting()) === 1, 'the first write waits');
  const quick = second.write([put('quick')], admin);
  await until(async () => (await waiting()) === 2, 'the second write waits for the first');
  const before = await second.changesSince(1, 10);
  assert.deepEqual([before.changes, before.completeTo], [[], 1], 'a poller saw what was not committed');
  await rival.query('COMMIT');
  assert.deepEqual([(await slow).revision, (await quick).revision], [2, 3]);
  assert.deepEqual(
    (await changesAfter(second, 1)).map(({ revision, id }) => `${revision} ${id}`),
    ['2 held', '3 quick'],
  );
});

test('goes on listening after its connection was cut', async (t) => {
  const url = await server.database();
  const [a, b] = [await open(t, url), await open(t, url)];
  const heard: number[] = [];
  b.onHint?.((revision) => heard.push(revision));
  const knife = await server.connect(url);
  const listening = `FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
  const cut = async (): Promise<number> =>
    (await knife.query(`SELECT pg_terminate_backend(pid) ${listening}`)).rowCount ?? 0;
  await until(async () => (await cut()) === 1, 'a listening connection');
  let index = 0;
  await until(async () => {
    await a.write([put(`c${(index += 1)}`)], admin);
    await sleep(20);
    return heard.length > 0;
  }, 'a hint after the cut');
  assert.ok(log.events().includes('store_hints_lost'));
  assert.ok(log.events().includes('store_hints_back'));
});

test('warns when what is announced does not arrive, and goes on', async (t) => {
  // Another database of the same server: as deaf as a pooler that lends connections by the transaction.
  const [url, elsewhere] = [await server.database(), await server.database()];
  const store = await open(t, url);
  const { startHints } = await import('../../sidecar/stores/postgres/hints.ts');
  const { clientConfig } = await import('../../sidecar/stores/postgres/client.ts');
  const { parsePostgresLocation } = await import('../../sidecar/stores/postgres/url.ts');
  const { systemClock } = await import('../../sidecar/ops/clock.ts');
  const other = await server.connect(url);
  const hints = startHints(
    {
      config: clientConfig(parsePostgresLocation(elsewhere.replace(/^postgres:/, ''))),
      channel: 'deaf',
      sender: 'us',
    },
    { clock: systemClock, log, announce: () => other.query(`NOTIFY deaf, 'us:probe'`), onHint: () => assert.fail() },
  );
  t.after(() => hints.close());
  await until(() => log.events().includes('store_hints_unheard'), 'the warning');
  assert.match(String(log.lines.find(({ event }) => event === 'store_hints_unheard')?.fields['fix']), /listen_host/);
  await store.write([put('a')], admin);
});

test('several processes that start on an empty database make one store of it', async (t) => {
  const url = await server.database('schema=credentialflow');
  const stores = await Promise.all([1, 2, 3, 4].map(() => open(t, url)));
  const ids = await Promise.all(stores.map(async (store) => (await store.identity()).storeId));
  assert.equal(new Set(ids).size, 1);
});

test('a migration begins a new epoch, once, and older binaries refuse what it made', async (t) => {
  const url = await server.database();
  const old = await open(t, url);
  await old.write([put('team'), putToken('t')], admin);
  const before = await old.identity();
  const version = (migrations.postgres.at(-1)?.version ?? 0) + 1;
  const next = { version, name: 'test', sql: `ALTER TABLE resources ADD COLUMN note TEXT NOT NULL DEFAULT 'new'` };
  const options = { migrations: [...migrations.postgres, next] };
  const [store] = await Promise.all([open(t, url, options), open(t, url, options)]);
  assert.deepEqual(await store.identity(), { ...before, epoch: before.epoch + 1 });
  assert.ok(await store.getResource('consumer', 'team'));
  // Expand first: the binary that runs goes on, and learns of the epoch.
  assert.equal((await old.changesSince(1, 10)).epoch, before.epoch + 1);
  assert.equal((await old.findToken(hashOf('t'))).token?.id, 'tok_t');
  assert.equal((await old.write([put('later')], admin)).revision, 2);
  await assert.rejects(open(t, url), {
    code: 'schema_newer',
    message: `the store has schema ${version}, this version knows ${version - 1}`,
  });
});

test('leaves the database as it was when a migration fails', async (t) => {
  const url = await server.database();
  const store = await open(t, url);
  const before = await store.identity();
  const next = migrations.postgres.length + 1;
  const broken = { version: next, name: 'broken', sql: 'CREATE TABLE half_made (a INT); SELECT nonsense' };
  await assert.rejects(open(t, url, { migrations: [...migrations.postgres, broken] }), {
    code: 'store_failed',
    message: new RegExp(`migration ${next} \\(broken\\) failed`),
  });
  assert.deepEqual(await store.identity(), before);
  const look = await server.connect(url);
  assert.equal((await look.query(`SELECT 1 WHERE to_regclass('half_made') IS NULL`)).rowCount, 1);
});
