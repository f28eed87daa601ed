import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import { parseStoreUrl } from '../../sidecar/stores/index.ts';
import { parsePostgresLocation } from '../../sidecar/stores/postgres/url.ts';

const parse = (url: string) => parsePostgresLocation(url.slice(url.indexOf(':') + 1));

test('reads a URL, with defaults for what it leaves out', () => {
  const { password, ...address } = parse('postgres://cf:p%40ss@db.example.com/flow');
  assert.equal(password?.reveal(), 'p@ss');
  assert.deepEqual(address, {
    host: 'db.example.com',
    port: 5432,
    user: 'cf',
    database: 'flow',
    schema: undefined,
    sslMode: 'disable',
    sslRootCert: undefined,
    sslCert: undefined,
    sslKey: undefined,
    poolMax: 10,
    connectTimeoutMs: 5_000,
    listen: { host: 'db.example.com', port: 5432 },
  });
  assert.equal(parse('postgres://cf@h').database, 'cf');
  assert.equal(parse('postgresql://cf@[::1]:6000/d').host, '::1');
  assert.equal(parse('postgres://cf@localhost/d?host=/run/postgresql').host, '/run/postgresql');
  assert.deepEqual(parseStoreUrl('postgresql://cf@h/d').kind, 'postgresql');
});

test('reads the options', () => {
  const options = 'schema=cf_1&sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/c.key&pool_max=4';
  const address = parse(`postgres://cf:x@pool:6432/d?${options}&connect_timeout=2&listen_host=db&listen_port=5433`);
  assert.partialDeepStrictEqual(address, {
    schema: 'cf_1',
    sslMode: 'verify-full',
    sslRootCert: '/ca.pem',
    sslCert: '/c.pem',
    sslKey: '/c.key',
    poolMax: 4,
    connectTimeoutMs: 2_000,
    listen: { host: 'db', port: 5433 },
  });
  assert.equal(parse('postgres://cf@h/d?listen=off').listen, false);
  assert.equal(parse('postgres://cf@h/d?sslmode=require&sslrootcert=/ca.pem').sslMode, 'verify-ca');
});

test('says what is wrong with a URL, and repeats nothing of it', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['postgres:', /expected postgres:/],
    ['postgres:hunter2', /expected postgres:/],
    ['postgres://cf:hunter2@h:99999/d', /expected postgres:/],
    ['postgres://cf:hunter2#@h/d', /expected postgres:/],
    ['postgres://h/d', /names no user/],
    ['postgres://cf:hunter2%@h/d', /percent-encoded/],
    ['postgres://cf@h/d?hunter2=1', /option of the URL is not known; known are host, schema/],
    ['postgres://cf@h/d?schema=a&schema=hunter2', /schema is there twice/],
    ['postgres://cf@h/d?schema=', /schema is empty/],
    ['postgres://cf@h/d?schema=Hunter2;DROP', /schema is a name/],
    ['postgres://cf@h/d?sslmode=prefer', /sslmode is one of disable, require, verify-ca, verify-full/],
    ['postgres://cf@h/d?sslrootcert=/hunter2', /need an sslmode/],
    ['postgres://cf@h/d?sslmode=require&sslcert=/hunter2', /go together/],
    ['postgres://cf@h/d?pool_max=1', /pool_max is a whole number from 2 to 200/],
    ['postgres://cf@h/d?connect_timeout=5s', /connect_timeout is a whole number/],
    ['postgres://cf@h/d?listen=maybe', /listen is on or off/],
    ['postgres://cf@h/d?listen_port=0', /listen_port is a whole number/],
  ];
  for (const [url, message] of cases) {
    assert.throws(
      () => parseStoreUrl(url),
      (error) => {
        assert.ok(error instanceof CredentialFlowError, url);
        assert.equal(error.code, 'config_invalid');
        assert.match(error.message, message);
        assert.doesNotMatch(String(error), /hunter2/i);
        return true;
      },
    );
  }
});

test('shows no password when it is printed', () => {
  assert.doesNotMatch(inspect(parse('postgres://cf:hunter2@h/d'), { depth: 9, showHidden: true }), /hunter2/);
});
