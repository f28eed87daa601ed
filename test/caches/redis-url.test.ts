import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkCacheUrl } from '../../sidecar/caches/index.ts';
import { parseRedisUrl } from '../../sidecar/caches/redis-url.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';

it('reads one server', () => {
  const target = parseRedisUrl('redis://me:p%40ss%2F%25@cache.example:6380/3?prefix=team-a:');
  assert.equal(target.mode, 'standalone');
  assert.deepEqual(target.nodes, [{ host: 'cache.example', port: 6_380 }]);
  assert.equal(target.prefix, 'team-a:');
  assert.equal(target.access.username, 'me');
  assert.equal(target.access.password?.reveal(), 'p@ss/%');
  assert.equal(target.access.db, 3);
  assert.equal(target.access.tls, undefined);
  const plain = parseRedisUrl('redis://localhost');
  assert.deepEqual([plain.nodes, plain.prefix, plain.access.db], [[{ host: 'localhost', port: 6_379 }], 'cf:', 0]);
  assert.equal(parseRedisUrl('redis://:only@h').access.username, undefined);
  assert.deepEqual(parseRedisUrl('redis://[::1]:7/').nodes, [{ host: '::1', port: 7 }]);
});

it('reads TLS with its files and name', () => {
  const { access } = parseRedisUrl('rediss://h?ca=/etc/ca.pem&cert=c.pem&key=k%20.pem&servername=redis.internal');
  assert.deepEqual(access.tls, {
    caPath: '/etc/ca.pem',
    certPath: 'c.pem',
    keyPath: 'k .pem',
    servername: 'redis.internal',
  });
  assert.notEqual(parseRedisUrl('rediss-cluster://h').access.tls, undefined);
  assert.notEqual(parseRedisUrl('rediss-sentinel://h/m').access.tls, undefined);
});

it('reads sentinels, their own password, and the master they watch', () => {
  const target = parseRedisUrl(
    'redis-sentinel://u:p@s1,s2:26380,[::2]:1/my-master/2?sentinel_username=w&sentinel_password=x%26y',
  );
  assert.ok(target.mode === 'sentinel');
  assert.deepEqual(target.nodes, [
    { host: 's1', port: 26_379 },
    { host: 's2', port: 26_380 },
    { host: '::2', port: 1 },
  ]);
  assert.equal(target.master, 'my-master');
  assert.equal(target.access.db, 2);
  assert.equal(target.access.password?.reveal(), 'p');
  assert.equal(target.sentinelAccess.username, 'w');
  assert.equal(target.sentinelAccess.password?.reveal(), 'x&y');
});

it('reads where to ask for the nodes of a cluster', () => {
  const target = parseRedisUrl('redis-cluster://:p@h1:7000,h2:7001/0');
  assert.equal(target.mode, 'cluster');
  assert.deepEqual(
    target.nodes.map(({ port }) => port),
    [7_000, 7_001],
  );
});

it('says what is wrong with every other, and repeats none of it', () => {
  const wrong: readonly (readonly [url: string, says: RegExp])[] = [
    ['redis:/hunter2', /one of|begins with/],
    ['redis://', /does not read/],
    ['redis://hunter2:pa/ss@h', /percent-encode/],
    ['redis://:hunter2/x@h', /percent-encode/],
    ['redis://:hunter2?x@h', /percent-encode/],
    ['redis://:hunter2@@h', /percent-encode/],
    ['redis://:hunter2%zz@h', /percent-encoding/],
    ['redis://hunter2@h', /user without a password/],
    ['redis://:hunter2@h:0', /1 to 65535/],
    ['redis://:hunter2@h:66666', /1 to 65535/],
    ['redis://:hunter2@h:6379:6380', /host:port/],
    ['redis://:hunter2@h1,h2', /redis-sentinel/],
    ['redis://:hunter2@h/zero', /database number/],
    ['redis://:hunter2@h/1/2', /database number/],
    ['redis://:hunter2@h?ca=/x', /without rediss/],
    ['redis://:hunter2@h?hunter2=1', /parameter that is none of prefix/],
    ['redis://:hunter2@h?sentinel_password=hunter2', /parameter that is none of/],
    ['redis://:hunter2@h?prefix=', /empty parameter prefix/],
    ['redis://:hunter2@h?prefix=a&prefix=b', /prefix twice/],
    ['redis://:hunter2@h?prefix={hunter2}', /prefix that is not/],
    ['rediss://:hunter2@h?cert=/x', /needs both/],
    ['rediss://:hunter2@h#x', /does not read/],
    ['redis-sentinel://:hunter2@s1,s2', /master that the sentinels watch/],
    ['redis-sentinel://:hunter2@s1/a%20b', /master that the sentinels watch/],
    ['redis-sentinel://:hunter2@s1/m/x', /database number/],
    ['redis-cluster://:hunter2@h/1', /only number 0/],
    [`redis-cluster://:hunter2@${Array.from({ length: 65 }, (_, i) => `h${i}`).join(',')}`, /more than 64/],
    ['redis-cluster://:hunter2@,h', /host:port/],
    ['memcached://:hunter2@h', /one of: memory/],
    ['redis-ring://:hunter2@h', /one of: memory/],
  ];
  for (const [url, says] of wrong) {
    assert.throws(
      () => checkCacheUrl(url),
      (error) => {
        assert.ok(error instanceof CredentialFlowError, url);
        assert.equal(error.code, 'config_invalid');
        assert.match(error.message, says, url);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  }
  for (const url of ['memory', 'redis://h', 'redis-cluster://h:1,h:2']) checkCacheUrl(url);
});
