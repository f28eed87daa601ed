import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import type { ErrorCode } from '../../sidecar/core/codes.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { systemClock } from '../../sidecar/ops/clock.ts';
import { openStore } from '../../sidecar/stores/index.ts';
import { checkServer } from '../../sidecar/stores/postgres/server.ts';
import { admin, applyOptions, file, put, putToken } from '../contract/store/samples.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startPostgres, testPassword, testUser } from '../support/postgres.ts';
import { recordingLog } from '../support/recording-log.ts';
import { postgresForTests } from './open-postgres.ts';

const { server, open } = await postgresForTests();
const mine = { skip: server.own ? false : 'the server is shared' };

/** The start is refused with `code` and a message of this pattern, which shows no password. */
async function refused(url: string, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(openStore(url, {}, { clock: systemClock, log: recordingLog() }), (error) => {
    assert.ok(error instanceof CredentialFlowError, inspect(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    const shown = inspect(error, { depth: 9, showHidden: true });
    assert.ok(!shown.includes(testPassword) && !shown.includes('wrong-pass'), shown);
    return true;
  });
}

function changed(url: string, change: (url: URL) => void): string {
  const other = new URL(url);
  change(other);
  return other.href;
}

test('names what is wrong with the place or the password', async () => {
  const url = await server.database();
  await refused(
    changed(url, (u) => (u.password = 'wrong-pass')),
    'store_failed',
    /database "cf_test_\w+" on .+ as "cf": the password is wrong, or the role does not exist \(28P01\)/,
  );
  await refused(
    changed(url, (u) => (u.password = '')),
    'store_failed',
    /the server wants a password, and the URL has none/,
  );
  await refused(
    changed(url, (u) => (u.pathname = '/nowhere')),
    'store_failed',
    /the database does not exist \(3D000\)/,
  );
  await refused(
    changed(url, (u) => (u.port = '1')),
    'store_failed',
    /connection refused: nothing listens there/,
  );
  await refused(
    changed(url, (u) => (u.hostname = 'no-such-host.invalid')),
    'store_failed',
    /the name of the host/,
  );
  await refused('postgres://cf:wrong-pass@localhost/d?host=/nowhere', 'store_failed', /the unix socket does not exist/);
  await refused(`${url}?sslmode=require`, 'store_failed', /does not offer TLS/);
  await refused(
    `${url}?sslmode=verify-full&sslrootcert=/nowhere.pem`,
    'config_invalid',
    /sslrootcert \/nowhere\.pem cannot/,
  );
});

test('names the right that the role lacks, and needs no more than its own schema afterwards', async (t) => {
  const url = await server.database();
  const owner = await server.connect(url);
  const role = `guest_${Math.random().toString(36).slice(2)}`;
  await owner.query(`REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE ${role} LOGIN PASSWORD '${testPassword}'`);
  t.after(() => owner.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`));
  const asGuest = changed(url, (u) => (u.username = role));
  await refused(asGuest, 'store_failed', /migration 1 \(initial\) failed: the role lacks a right .*\(42501\)/);
  await refused(`${asGuest}?schema=mine`, 'store_failed', /schema mine does not exist and could not be created/);
  await owner.query(`CREATE SCHEMA mine AUTHORIZATION ${role}`);
  const store = await open(t, `${asGuest}?schema=mine`);
  await store.write([put('team'), putToken('t')], admin);
  const { rows } = await owner.query<{ n: string }>('SELECT count(*) AS n FROM mine.resources');
  assert.equal(Number(rows[0]?.n), 1);
  await store.close();
  // A search_path of the role says the same.
  await owner.query(`ALTER ROLE ${role} SET search_path = mine`);
  const again = await open(t, asGuest);
  assert.ok(await again.getResource('consumer', 'team'));
});

test('needs no more than rows once the tables are there', async (t) => {
  const url = `${await server.database()}?schema=theirs`;
  const owner = await server.connect(url.split('?')[0] ?? '');
  const migrating = await open(t, url);
  const role = `worker_${Math.random().toString(36).slice(2)}`;
  await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD '${testPassword}'; GRANT USAGE ON SCHEMA theirs TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA theirs TO ${role}`);
  t.after(() => owner.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`));
  const store = await open(
    t,
    changed(url, (u) => (u.username = role)),
  );
  await store.apply([[put('team', file), putToken('t', file)]], applyOptions());
  await store.write([{ op: 'revoke_token', id: 'tok_t', atMs: 1 }], admin);
  await store.recordTokenUse(new Map([['tok_t', 1]]));
  await store.setMeta('a', 'b', admin);
  assert.equal((await migrating.getToken('tok_t'))?.revokedAtMs, 1);
});

test('keeps stores in two schemas of one database apart', async (t) => {
  const url = await server.database();
  const [a, b] = [await open(t, `${url}?schema=one`), await open(t, `${url}?schema=two`)];
  await a.write([put('team')], admin);
  assert.equal(await b.getResource('consumer', 'team'), undefined);
  assert.notEqual((await a.identity()).storeId, (await b.identity()).storeId);
});

test('refuses tables that are not its own', async () => {
  const url = await server.database();
  const owner = await server.connect(url);
  await owner.query('CREATE TABLE resources (theirs TEXT)');
  await refused(url, 'store_failed', /a table of that name is there already/);
  await owner.query('CREATE TABLE store_meta (theirs TEXT)');
  await refused(
    url,
    'store_failed',
    /store_meta in the schema public cannot be read as one of ours: a column is missing/,
  );
});

test('refuses a database that cannot hold every text', async () => {
  const owner = await server.connect(server.adminUrl);
  const name = `cf_ascii_${Math.random().toString(36).slice(2)}`;
  await owner.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  try {
    await refused(
      changed(server.adminUrl, (u) => (u.pathname = name)),
      'store_failed',
      /has encoding SQL_ASCII, not UTF8: CREATE DATABASE/,
    );
  } finally {
    await owner.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
});

test('refuses a server that is too old', async () => {
  const answer = [{ version: '12.22 (Debian 12.22-1)', number: '120022', encoding: 'UTF8' }];
  const pool = { query: async () => answer as never, lease: () => assert.fail(), close: async () => undefined };
  await assert.rejects(checkServer(pool), { message: 'postgres: the server is version 12.22, 13 or newer is needed' });
});

test('refuses a standby: what it says may be older than a revocation', mine, async (t) => {
  const standby = await startPostgres({ files: { 'standby.signal': '' } });
  t.after(() => standby.stop());
  await refused(standby.adminUrl, 'store_failed', /the server is a standby: name the primary/);
});

test('leaves no connection behind a start that failed', async () => {
  const url = await server.database();
  const owner = await server.connect(url);
  await owner.query('CREATE TABLE resources (theirs TEXT)');
  await refused(url, 'store_failed', /a table/);
  const others = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  let left = 1;
  for (let attempt = 0; left > 0 && attempt < 100; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = (await owner.query(others)).rowCount ?? 0;
  }
  assert.equal(left, 0);
});

test('warns of a connection without TLS, where it leaves the machine', async () => {
  const { warnOfPlainConnection } = await import('../../sidecar/stores/postgres/server.ts');
  const { parsePostgresLocation } = await import('../../sidecar/stores/postgres/url.ts');
  const log = recordingLog();
  for (const location of [
    '//cf@127.0.0.1/d',
    '//cf@localhost/d',
    '//cf@localhost/d?host=/run',
    '//cf@db/d?sslmode=require',
  ]) {
    warnOfPlainConnection(parsePostgresLocation(location), log);
  }
  assert.deepEqual(log.events(), []);
  warnOfPlainConnection(parsePostgresLocation('//cf@db/d'), log);
  assert.deepEqual(log.events(), ['store_connection_plain']);
});

async function tlsServer(t: TestContext) {
  const certificates = makeCertificates();
  t.after(() => certificates.remove());
  certificates.renewClient();
  const read = (name: string): string => readFileSync(certificates.path(name), 'utf8');
  const tls = await startPostgres({
    settings: ['ssl=on', 'ssl_cert_file=server.pem', 'ssl_key_file=server.key', 'ssl_ca_file=ca.pem'],
    files: { 'server.pem': read('server.pem'), 'server.key': read('server.key'), 'ca.pem': read('ca.pem') },
    hba: [
      'local all all scram-sha-256',
      'hostnossl all all 127.0.0.1/32 reject',
      `hostssl all ${testUser} 127.0.0.1/32 scram-sha-256`,
      'hostssl all client 127.0.0.1/32 cert',
      '',
    ].join('\n'),
  });
  t.after(() => tls.stop());
  return { certificates, tls };
}

test('keeps to sslmode: encrypts, asks who the server is, and shows a certificate of its own', mine, async (t) => {
  const { certificates, tls } = await tlsServer(t);
  const at = (options: string, change: (url: URL) => void = () => undefined): string =>
    changed(`${tls.adminUrl}?${options}`, change);
  const ca = `sslrootcert=${certificates.path('ca.pem')}`;
  const stranger = `sslrootcert=${certificates.path('stranger.pem')}`;
  // By another name of the same address, for which there is no certificate.
  const misnamed = (url: URL): void => void (url.hostname = 'localhost');

  await refused(at('sslmode=disable'), 'store_failed', /refuses this role, from here or without TLS/);
  await refused(at('sslmode=verify-full'), 'store_failed', /not signed by a known authority/);
  await refused(at(`sslmode=verify-ca&${stranger}`), 'store_failed', /not signed by a known authority/);
  await refused(
    at(`sslmode=verify-full&${ca}`, misnamed),
    'store_failed',
    /certificate of the server is for another name/,
  );
  for (const url of [at('sslmode=require'), at(`sslmode=verify-ca&${ca}`, misnamed), at(`sslmode=verify-full&${ca}`)]) {
    const store = await open(t, url);
    await store.close();
  }
  const superuser = await tls.connect(at('sslmode=no-verify'));
  await superuser.query('CREATE ROLE client LOGIN; CREATE SCHEMA theirs AUTHORIZATION client');
  const own = `sslcert=${certificates.path('client.pem')}&sslkey=${certificates.path('client.key')}`;
  const asClient = (url: URL): void => {
    url.username = 'client';
    url.password = '';
  };
  await refused(at(`sslmode=verify-full&${ca}&schema=theirs`, asClient), 'store_failed', /refuses this role|broke/);
  const store = await open(t, at(`sslmode=verify-full&${ca}&${own}&schema=theirs`, asClient));
  assert.equal((await store.write([put('team')], admin)).revision, 1);
});

test('takes nothing from the environment of the process', async (t) => {
  const url = await server.database();
  const folder = mkdtempSync(join(tmpdir(), 'cf-home-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const before = { ...process.env };
  t.after(() => (process.env = before));
  Object.assign(process.env, {
    PGPASSWORD: testPassword,
    PGSSLMODE: 'require',
    PGDATABASE: 'nowhere',
    PGHOST: 'nowhere',
  });
  const store = await open(t, url);
  await store.close();
  await refused(
    changed(url, (u) => (u.password = '')),
    'store_failed',
    /wants a password/,
  );
});
