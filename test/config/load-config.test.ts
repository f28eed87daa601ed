import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { loadConfig } from '../../sidecar/config/load-config.ts';
import type { LoadedConfig } from '../../sidecar/config/load-config.ts';
import { configTemplate } from '../../sidecar/config/template.ts';
import { CredentialFlowError } from '../../sidecar/core/error.ts';
import type { Problem } from '../../sidecar/core/error.ts';

const key = (letter: string): string => letter.repeat(40);
const master = Buffer.alloc(32, 7).toString('base64');

interface World {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly configPath?: string;
}

function load({ env = {}, files = {}, configPath }: World): LoadedConfig {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  return loadConfig({ env, cwd: '/srv', readFile }, configPath === undefined ? {} : { configPath });
}

function problemsOf(world: World): readonly Problem[] {
  try {
    load(world);
  } catch (error) {
    assert.ok(error instanceof CredentialFlowError);
    assert.equal(error.code, 'config_invalid');
    return error.problems;
  }
  return assert.fail('the configuration was accepted');
}

const yaml = (text: string): World => ({ files: { '/srv/credentialflow.yaml': text } });

test('gives every default where nothing is configured', () => {
  const { config, warnings, configPath, adminUrl } = load({});
  const { store, cache, ...rest } = config;
  assert.deepEqual(rest, {
    dataDir: '/srv/data',
    listen: {
      data: { kind: 'tcp', host: '127.0.0.1', port: 9280 },
      admin: { kind: 'tcp', host: '127.0.0.1', port: 9281 },
      metrics: { kind: 'tcp', host: '127.0.0.1', port: 9291 },
      reusePort: false,
      tls: { data: undefined, admin: undefined, metrics: undefined },
    },
    keys: { master: undefined, gateway: undefined, log: undefined, admin: undefined },
    resources: { files: [], watch: true, allowPrune: false },
    lastGood: { enabled: false, path: '/srv/data/last-good' },
    tokens: { defaultTtlMs: 90 * 86_400_000, maxTtlMs: 365 * 86_400_000 },
    lookup: {
      l1Bytes: 64 * 1_048_576,
      deadlineMs: 800,
      cacheTimeoutMs: 50,
      storeTimeoutMs: 400,
      concurrency: 256,
      queue: 1_024,
    },
    changes: { pollMs: 500 },
    health: {
      probes: true,
      probeMs: 5_000,
      maxProbeMs: 300_000,
      coolDownMs: 10_000,
      maxCoolDownMs: 600_000,
      webhook: undefined,
    },
    audit: {
      sink: 'file',
      path: '/srv/data/audit/decisions.log',
      maxFileBytes: 64 * 1_048_576,
      maxFiles: 8,
      bufferRecords: 10_000,
      onFull: 'drop',
    },
    metrics: { consumers: 0 },
    log: { level: 'info' },
    drainTimeoutMs: 15_000,
  });
  assert.equal(store.reveal(), 'sqlite:/srv/data/credentialflow.db');
  assert.equal(cache.reveal(), 'memory');
  assert.deepEqual(warnings, []);
  assert.equal(configPath, undefined);
  assert.equal(adminUrl, undefined);
});

test('keeps the last good state where the store can go away, or where it is told to', () => {
  const remote = { CREDENTIALFLOW_STORE: 'postgres://db.example.com/flow' };
  assert.deepEqual(load({ env: remote }).config.lastGood, { enabled: true, path: '/srv/data/last-good' });
  assert.equal(load({ env: { ...remote, CREDENTIALFLOW_LAST_GOOD: 'false' } }).config.lastGood.enabled, false);
  const { lastGood } = load({
    env: { CREDENTIALFLOW_LAST_GOOD: 'true', CREDENTIALFLOW_LAST_GOOD_PATH: 'kept' },
  }).config;
  assert.deepEqual(lastGood, { enabled: true, path: '/srv/kept' });
});

test('takes the TLS files of a listener whole or not at all', () => {
  const world = yaml('listen: { data_tls_cert: c.pem, data_tls_key: k.pem, data_tls_client_ca: /ca.pem }\n');
  assert.deepEqual(load(world).config.listen.tls, {
    data: { cert: '/srv/c.pem', key: '/srv/k.pem', clientCa: '/ca.pem' },
    admin: undefined,
    metrics: undefined,
  });
  for (const [env, problem] of [
    [
      { CREDENTIALFLOW_ADMIN_TLS_CERT: 'c.pem' },
      /CREDENTIALFLOW_ADMIN_TLS_CERT.*needs .*admin_tls_cert and .*admin_tls_key/,
    ],
    [{ CREDENTIALFLOW_CLIENT_KEY: 'k.pem' }, /CREDENTIALFLOW_CLIENT_KEY.*needs client_cert and client_key/],
    [{ CREDENTIALFLOW_DATA_TLS_CLIENT_CA: 'ca.pem' }, /needs .*data_tls_cert and/],
    [
      {
        CREDENTIALFLOW_METRICS_LISTEN: 'unix:/run/cf.sock',
        CREDENTIALFLOW_METRICS_TLS_CERT: 'c.pem',
        CREDENTIALFLOW_METRICS_TLS_KEY: 'k.pem',
      },
      /unix socket needs no TLS/,
    ],
  ] as const) {
    assert.throws(() => load({ env }), problem);
  }
});

test('freezes the configuration to its depth', () => {
  const { config } = load({});
  assert.throws(() => Object.assign(config.listen.data, { port: 1 }), TypeError);
});

test('lets the environment win over the file, and the file over the default', () => {
  const world = yaml('log: { level: debug }\ndrain_timeout: 1m\nlookup: { queue: 7 }\n');
  const { config } = load({
    ...world,
    env: { CREDENTIALFLOW_LOG_LEVEL: 'warn', CREDENTIALFLOW_LOOKUP_CONCURRENCY: '9' },
  });
  assert.equal(config.log.level, 'warn');
  assert.equal(config.drainTimeoutMs, 60_000);
  assert.equal(config.lookup.queue, 7);
  assert.equal(config.lookup.concurrency, 9);
});

test('resolves paths of a file beside the file, and paths of the environment in the working directory', () => {
  const files = { '/etc/cf/c.yaml': 'data_dir: state\nresources: { files: [a.yaml] }\nstore: sqlite:x.db\n' };
  const env = { CREDENTIALFLOW_CONFIG: '/etc/cf/c.yaml' };
  const { config, configPath } = load({ files, env });
  assert.equal(config.dataDir, '/etc/cf/state');
  assert.deepEqual(config.resources.files, ['/etc/cf/a.yaml']);
  assert.equal(config.store.reveal(), 'sqlite:/etc/cf/x.db');
  assert.equal(config.audit.path, '/etc/cf/state/audit/decisions.log');
  assert.equal(configPath, '/etc/cf/c.yaml');
  const other = load({
    files,
    env: { ...env, CREDENTIALFLOW_DATA_DIR: 'state', CREDENTIALFLOW_RESOURCES: 'b.yaml, c.yaml' },
  });
  assert.equal(other.config.dataDir, '/srv/state');
  assert.deepEqual(other.config.resources.files, ['/srv/b.yaml', '/srv/c.yaml']);
});

test('lets --config win over CREDENTIALFLOW_CONFIG', () => {
  const files = { '/srv/a.yaml': 'log: { level: error }\n', '/srv/b.yaml': 'log: { level: warn }\n' };
  const { config } = load({ files, env: { CREDENTIALFLOW_CONFIG: 'a.yaml' }, configPath: 'b.yaml' });
  assert.equal(config.log.level, 'warn');
});

test('refuses a named configuration file that does not exist', () => {
  const [problem] = problemsOf({ env: { CREDENTIALFLOW_CONFIG: 'gone.yaml' } });
  assert.deepEqual(
    [problem?.message, problem?.file, problem?.path],
    ['the configuration file does not exist', '/srv/gone.yaml', 'CREDENTIALFLOW_CONFIG'],
  );
});

test('reports every problem at once, with its place in the file or the name of its variable', () => {
  const problems = problemsOf({
    ...yaml('lisen:\n  data: x\nlog:\n  level: loud\n  levle: info\ndrain_timeout: 30\naudit: file\n'),
    env: {
      CREDENTIALFLOW_LOOKUP_DEADLINE: '1h',
      CREDENTIALFLOW_GATEWAY_KEY: 'short',
      CREDENTIALFLOW_REUSE_PORT: 'yes',
    },
  });
  const seen = problems.map(({ path, line, column, message, fix }) => [path, line, column, message, fix]);
  assert.deepEqual(seen, [
    ['lisen', 1, 1, 'is not a known key', 'did you mean listen?'],
    ['log.levle', 5, 3, 'is not a known key', 'did you mean level?'],
    ['audit', 7, 8, 'must be a map', undefined],
    ['CREDENTIALFLOW_REUSE_PORT', undefined, undefined, 'must be true or false', undefined],
    ['CREDENTIALFLOW_GATEWAY_KEY', undefined, undefined, 'must have at least 32 characters', undefined],
    ['CREDENTIALFLOW_LOOKUP_DEADLINE', undefined, undefined, 'must be from 10ms to 10s', undefined],
    ['log.level', 4, 10, 'must be one of debug, info, warn, error, silent', undefined],
    ['drain_timeout', 6, 16, 'must be a duration with a unit (ms, s, m, h, d), such as 30s', undefined],
  ]);
  for (const problem of problems) {
    assert.equal(problem.file, problem.line === undefined ? undefined : '/srv/credentialflow.yaml');
  }
});

test('names all problems in the message of the error', () => {
  assert.throws(() => load(yaml('a: 1\nb: 2\n')), /2 problems\n {2}\/srv\/credentialflow\.yaml:1:1 a: .*\n.*:2:1 b: /);
});

test('gives the place of a YAML error and never its text', () => {
  const problems = problemsOf(yaml('log:\n  level: info\n sk-secret-in-the-wrong-place: [\n'));
  assert.ok(problems.length > 0);
  assert.ok(problems.every((problem) => problem.file === '/srv/credentialflow.yaml' && (problem.line ?? 0) > 0));
  assert.doesNotMatch(JSON.stringify(problems), /sk-secret/);
});

test('checks a value of the file even where the environment wins', () => {
  const world = { ...yaml('log: { level: loud }\n'), env: { CREDENTIALFLOW_LOG_LEVEL: 'info' } };
  assert.deepEqual(
    problemsOf(world).map(({ path }) => path),
    ['log.level'],
  );
});

for (const [text, address] of [
  ['0.0.0.0:80', { kind: 'tcp', host: '0.0.0.0', port: 80 }],
  ['[::1]:0', { kind: 'tcp', host: '::1', port: 0 }],
  ['localhost:9280', { kind: 'tcp', host: 'localhost', port: 9280 }],
  ['unix:/run/cf.sock', { kind: 'unix', path: '/run/cf.sock' }],
] as const) {
  test(`listens on ${text}`, () => {
    assert.deepEqual(load({ env: { CREDENTIALFLOW_DATA_LISTEN: text } }).config.listen.data, address);
  });
}

for (const text of [
  '9280',
  ':9280',
  'host',
  '::1:80',
  '[zz]:80',
  'a:65536',
  'unix:relative',
  'http://a:80',
  'a b:80',
]) {
  test(`refuses to listen on ${text}`, () => {
    assert.equal(problemsOf({ env: { CREDENTIALFLOW_ADMIN_LISTEN: text } })[0]?.path, 'CREDENTIALFLOW_ADMIN_LISTEN');
  });
}

test('takes keys from variables, from files less one newline, and by reference from the document', () => {
  const { config } = load({
    files: {
      '/run/admin': `${key('c')}\n`,
      '/srv/log.key': `${key('d')}\r\n`,
      '/srv/credentialflow.yaml':
        'keys:\n  log: { from: file, path: log.key }\n  master: { from: env, name: MASTER }\n',
    },
    env: { CREDENTIALFLOW_GATEWAY_KEY: key('b'), CREDENTIALFLOW_ADMIN_KEY_FILE: '/run/admin', MASTER: master },
  });
  assert.equal(config.keys.gateway?.reveal(), key('b'));
  assert.equal(config.keys.admin?.reveal(), key('c'));
  assert.equal(config.keys.log?.reveal(), key('d'));
  assert.equal(config.keys.master?.reveal(), master);
  assert.doesNotMatch(inspect(config, { depth: 9 }), /bbbb|cccc|dddd/);
});

test('trims one newline of a key file, not two', () => {
  const world = { files: { '/k': `${key('c')}\n\n` }, env: { CREDENTIALFLOW_ADMIN_KEY_FILE: '/k' } };
  assert.match(problemsOf(world)[0]?.message ?? '', /white space/);
});

for (const [what, value, message] of [
  ['is short', 'abc', /at least 32/],
  ['starts like an unresolved reference', `://${key('a')}`, /unresolved reference/],
  ['holds a dollar', `${key('a')}$b`, /APISIX would interpolate/],
  ['holds a space', `${key('a')} b`, /white space/],
  ['holds a byte that no header may carry', `${key('a')}é`, /visible ASCII/],
] as const) {
  test(`refuses a gateway key that ${what}, without repeating it`, () => {
    const [problem, ...others] = problemsOf({ env: { CREDENTIALFLOW_GATEWAY_KEY: value } });
    assert.deepEqual(others, []);
    assert.equal(problem?.path, 'CREDENTIALFLOW_GATEWAY_KEY');
    assert.match(problem.message, message);
    assert.ok(!JSON.stringify(problem).includes(value));
  });
}

test('refuses a master key that is not 32 bytes', () => {
  const short = Buffer.alloc(31).toString('base64');
  assert.match(problemsOf({ env: { CREDENTIALFLOW_MASTER_KEY: short } })[0]?.message ?? '', /32 bytes in base64/);
});

test('refuses a key that is set twice, and a key file that is missing or empty', () => {
  const both = { CREDENTIALFLOW_LOG_KEY: key('a'), CREDENTIALFLOW_LOG_KEY_FILE: '/k' };
  assert.match(
    problemsOf({ env: both, files: { '/k': key('a') } })[0]?.message ?? '',
    /as well as CREDENTIALFLOW_LOG_KEY_FILE/,
  );
  const file = { CREDENTIALFLOW_LOG_KEY_FILE: '/k' };
  assert.match(problemsOf({ env: file })[0]?.message ?? '', /cannot be read/);
  assert.match(problemsOf({ env: file, files: { '/k': '\n' } })[0]?.message ?? '', /empty/);
});

test('refuses one key for two doors', () => {
  const env = { CREDENTIALFLOW_LOG_KEY: key('a'), CREDENTIALFLOW_GATEWAY_KEY: key('a') };
  assert.match(problemsOf({ env })[0]?.message ?? '', /must differ from the gateway key/);
});

test('refuses a secret in the document, without repeating it', () => {
  const problems = problemsOf(yaml(`keys:\n  gateway: ${key('z')}\nstore: postgres://u:hunter2@db/cf\n`));
  assert.deepEqual(
    problems.map(({ path, line, message }) => [path, line, message]),
    [
      ['store', 3, 'must not hold the secret itself'],
      ['keys.gateway', 2, 'must not hold the secret itself'],
    ],
  );
  assert.doesNotMatch(JSON.stringify(problems), /zzzz|hunter2/);
});

test('takes a store without password from the document, and one with a password from the environment', () => {
  assert.equal(load(yaml('store: postgres://db/cf\n')).config.store.reveal(), 'postgres://db/cf');
  const env = { CREDENTIALFLOW_STORE: 'postgres://u:p@db/cf', CREDENTIALFLOW_CACHE: 'rediss://:p@r:6379/1' };
  const { config } = load({ env });
  assert.equal(config.store.reveal(), 'postgres://u:p@db/cf');
  assert.equal(config.cache.reveal(), 'rediss://:p@r:6379/1');
  assert.equal(config.resources.watch, false);
});

test('takes a cache of several hosts from the document, but no password, wherever it hides', () => {
  for (const cache of ['redis-cluster://h1:7000,h2:7001', 'rediss-sentinel://s1,s2/main?prefix=a:', 'redis://u@h:1']) {
    assert.equal(load(yaml(`cache: "${cache}"\n`)).config.cache.reveal(), cache);
  }
  for (const cache of [
    'redis://u:hunter2@h',
    'redis-sentinel://:hunter2@s1,s2/main',
    'redis-sentinel://s1,s2/main?sentinel_password=hunter2',
    'redis://:hunt/er2@h',
    'redis://:hunt?er2@h',
  ]) {
    const problems = problemsOf(yaml(`cache: "${cache}"\n`));
    assert.match(problems[0]?.message ?? '', /must not hold the secret itself/, cache);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2|er2/);
  }
});

test('refuses stores and caches it does not know', () => {
  const env = { CREDENTIALFLOW_STORE: 'mysql://u:hunter2@db', CREDENTIALFLOW_CACHE: 'redis' };
  const problems = problemsOf({ env });
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['CREDENTIALFLOW_STORE', 'CREDENTIALFLOW_CACHE'],
  );
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

test('shares ports with postgres and in memory, not with a SQLite file', () => {
  const env = { CREDENTIALFLOW_REUSE_PORT: 'true' };
  assert.match(problemsOf({ env })[0]?.message ?? '', /one server process a data directory/);
  assert.equal(problemsOf(yaml('listen: { reuse_port: true }\n'))[0]?.line, 1);
  for (const store of ['sqlite::memory:', 'postgres://db/cf']) {
    assert.equal(load({ env: { ...env, CREDENTIALFLOW_STORE: store } }).config.listen.reusePort, true);
  }
});

test('warns of unknown variables and says which was meant', () => {
  const { warnings } = load({ env: { CREDENTIALFLOW_DATA_LISEN: 'x', OTHER: 'y', CREDENTIALFLOW_ADMIN_KEY_FILE: '' } });
  assert.deepEqual(warnings, [
    {
      severity: 'warning',
      message: 'is not a known variable',
      path: 'CREDENTIALFLOW_DATA_LISEN',
      fix: 'did you mean CREDENTIALFLOW_DATA_LISTEN?',
    },
  ]);
});

test('refuses a default token life over the maximum, and lowers the default of the default', () => {
  const env = { CREDENTIALFLOW_TOKENS_MAX_TTL: '30d' };
  assert.equal(load({ env }).config.tokens.defaultTtlMs, 30 * 86_400_000);
  const both = { ...env, CREDENTIALFLOW_TOKENS_DEFAULT_TTL: '31d' };
  assert.equal(problemsOf({ env: both })[0]?.path, 'CREDENTIALFLOW_TOKENS_DEFAULT_TTL');
});

test('warns of a deadline that the gateway does not wait for', () => {
  const { warnings } = load({ env: { CREDENTIALFLOW_LOOKUP_DEADLINE: '2s' } });
  assert.match(warnings[0]?.message ?? '', /forward-auth/);
});

test('refuses two resource files with one name: the name owns the resources', () => {
  const env = { CREDENTIALFLOW_RESOURCES: 'a/r.yaml,b/r.yaml' };
  assert.match(problemsOf({ env })[0]?.message ?? '', /two files called r\.yaml/);
});

test('gives the command line the URL of the admin API', () => {
  assert.equal(load(yaml('admin_url: https://cf.example\n')).adminUrl, 'https://cf.example');
  assert.equal(problemsOf(yaml('admin_url: https://u:p@cf.example\n'))[0]?.path, 'admin_url');
});

test('writes a template that loads with the defaults', () => {
  const { config, warnings } = load(yaml(configTemplate()));
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.resources.files, ['/srv/resources.yaml']);
  assert.deepEqual(
    { ...config, resources: 0, store: 0, cache: 0 },
    { ...load({}).config, resources: 0, store: 0, cache: 0 },
  );
});

test('writes a template whose every commented line would load as well', () => {
  const text = configTemplate().replace(/^( *)# (\w+: )/gm, '$1$2');
  const env = {
    CREDENTIALFLOW_MASTER_KEY: master,
    CREDENTIALFLOW_GATEWAY_KEY: key('a'),
    CREDENTIALFLOW_LOG_KEY: key('b'),
    CREDENTIALFLOW_ADMIN_KEY: key('c'),
    CREDENTIALFLOW_HEALTH_WEBHOOK_SECRET: key('d'),
  };
  const { config } = load({ ...yaml(text), env });
  assert.deepEqual(
    { ...config, resources: 0, keys: 0, store: 0, cache: 0 },
    {
      ...load({}).config,
      resources: 0,
      keys: 0,
      store: 0,
      cache: 0,
    },
  );
  assert.equal(config.keys.log?.reveal(), key('b'));
});

test('takes a webhook only with the secret that signs its messages', () => {
  const url = { CREDENTIALFLOW_HEALTH_WEBHOOK_URL: 'https://hooks.example.com/cf' };
  assert.deepEqual(
    problemsOf({ env: url }).map(({ path }) => path),
    ['CREDENTIALFLOW_HEALTH_WEBHOOK_URL'],
  );
  const { webhook } = load({ env: { ...url, CREDENTIALFLOW_HEALTH_WEBHOOK_SECRET: key('w') } }).config.health;
  assert.deepEqual([webhook?.url, webhook?.secret.reveal()], [url.CREDENTIALFLOW_HEALTH_WEBHOOK_URL, key('w')]);
});
