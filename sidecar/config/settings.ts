import { isCacheLocator, isStoreLocator, key, locator, masterKey } from './secret-types.ts';
import type { SecretType } from './secret-types.ts';
import { duration, httpUrl, listenAddress, oneOf, path, paths, size, truth, wholeNumber } from './value-types.ts';
import type { ValueType } from './value-types.ts';

interface Named {
  /** Path in credentialflow.yaml. */
  readonly key: string;
  /** Variable, without `CREDENTIALFLOW_`. */
  readonly env: string;
  readonly description: string;
}

/** `Default` is string for a written default, undefined where the loader (or the data directory) decides. */
export interface PlainSetting<T, Default extends string | undefined = string | undefined> extends Named {
  readonly type: ValueType<T>;
  /** As in the environment. */
  readonly default: Default;
  /** Shown where `default` is undefined. */
  readonly defaultText?: string;
}

export interface SecretSetting extends Named {
  readonly secret: SecretType;
  readonly default?: undefined;
  readonly defaultText: string;
}

export type Setting = PlainSetting<unknown> | SecretSetting;

export const environmentPrefix = 'CREDENTIALFLOW_';

/** Every setting, in the order of docs/config.md. */
export const settings = {
  dataDir: plain(
    'data_dir',
    'DATA_DIR',
    path(),
    './data',
    'Directory of the embedded store, the generated keys and the audit files. One server process a directory; with `postgres` several may share it.',
  ),
  dataListen: plain(
    'listen.data',
    'DATA_LISTEN',
    listenAddress(),
    '127.0.0.1:9280',
    'Where the gateway asks: `/api/auth`, `/api/logs`, `/healthz`, `/readyz`. Port 0 takes a free one.',
  ),
  adminListen: plain(
    'listen.admin',
    'ADMIN_LISTEN',
    listenAddress(),
    '127.0.0.1:9281',
    'Where the admin API listens: `/api/v1`.',
  ),
  metricsListen: plain(
    'listen.metrics',
    'METRICS_LISTEN',
    listenAddress(),
    '127.0.0.1:9291',
    'Where `/metrics` listens.',
  ),
  reusePort: plain(
    'listen.reuse_port',
    'REUSE_PORT',
    truth(),
    'false',
    'Lets several processes share the ports (SO_REUSEPORT). Not with `sqlite:PATH`: one server process a data directory.',
  ),
  dataTlsCert: tlsCert('data'),
  dataTlsKey: tlsKey('data'),
  dataTlsClientCa: tlsClientCa('data'),
  adminTlsCert: tlsCert('admin'),
  adminTlsKey: tlsKey('admin'),
  adminTlsClientCa: tlsClientCa('admin'),
  metricsTlsCert: tlsCert('metrics'),
  metricsTlsKey: tlsKey('metrics'),
  metricsTlsClientCa: tlsClientCa('metrics'),
  masterKey: secret(
    'keys.master',
    'MASTER_KEY',
    masterKey(),
    '`<data_dir>/keys/`, made on an empty directory',
    'Seals stored secrets and shared cache values.',
  ),
  gatewayKey: secret(
    'keys.gateway',
    'GATEWAY_KEY',
    key(),
    '`<data_dir>/keys/`, made on an empty directory',
    'What the gateway sends in `X-CF-Gateway-Key`.',
  ),
  logKey: secret(
    'keys.log',
    'LOG_KEY',
    key(),
    '`<data_dir>/keys/`, made on an empty directory',
    'What `http-logger` sends to `/api/logs`. The gateway key is not accepted there.',
  ),
  adminKey: secret(
    'keys.admin',
    'ADMIN_KEY',
    key(),
    '`<data_dir>/keys/`, made on an empty directory',
    'Bearer key of the admin API.',
  ),
  store: secret(
    'store',
    'STORE',
    locator(['sqlite:PATH', 'sqlite::memory:', 'postgres://…'], isStoreLocator),
    '`sqlite:<data_dir>/credentialflow.db`',
    'The store of record. `postgres` is for a fleet ([operations.md](operations.md#postgresql)).',
  ),
  lastGoodEnabled: plain(
    'last_good.enabled',
    'LAST_GOOD',
    truth(),
    undefined,
    'Keeps what is known sealed on disk, so that a sidecar that starts while the store is away serves it until `max_stale`.',
    '`false`; with `postgres` `true`',
  ),
  lastGoodPath: plain(
    'last_good.path',
    'LAST_GOOD_PATH',
    path(),
    undefined,
    'Directory of those files. It must outlive the process and belong to this sidecar alone.',
    '`<data_dir>/last-good`',
  ),
  cache: secret(
    'cache',
    'CACHE',
    locator(['memory', 'redis[s]://…', 'redis[s]-sentinel://…', 'redis[s]-cluster://…'], isCacheLocator),
    '`memory`',
    'The shared cache ([forms of the URL](operations.md#redis)). It may be flushed at any time.',
  ),
  resourceFiles: plain(
    'resources.files',
    'RESOURCES',
    paths(),
    undefined,
    'Resource files to load ([resources.md](resources.md)). Their base names must differ: a base name is the owner of what the file declares.',
    'none',
  ),
  resourcesWatch: plain(
    'resources.watch',
    'RESOURCES_WATCH',
    truth(),
    undefined,
    'Loads a resource file again when it changes.',
    '`true`; with `postgres` `false`',
  ),
  resourcesAllowPrune: plain(
    'resources.allow_prune',
    'RESOURCES_ALLOW_PRUNE',
    truth(),
    'false',
    'Lets a resource file delete all, or over a fifth, of what it declared before.',
  ),
  tokensDefaultTtl: plain(
    'tokens.default_ttl',
    'TOKENS_DEFAULT_TTL',
    duration('1m', '3650d'),
    '90d',
    'Life of a token issued without a `--ttl`.',
  ),
  tokensMaxTtl: plain(
    'tokens.max_ttl',
    'TOKENS_MAX_TTL',
    duration('1m', '3650d'),
    '365d',
    'Longest life of an issued token.',
  ),
  lookupL1Size: plain(
    'lookup.l1_size',
    'LOOKUP_L1_SIZE',
    size('1MiB', '16GiB'),
    '64MiB',
    'Bound of the in-process token cache.',
  ),
  lookupDeadline: plain(
    'lookup.deadline',
    'LOOKUP_DEADLINE',
    duration('10ms', '10s'),
    '800ms',
    'Deadline of a whole decision. Keep it below the `timeout` of forward-auth (1500 ms).',
  ),
  lookupCacheTimeout: plain(
    'lookup.cache_timeout',
    'LOOKUP_CACHE_TIMEOUT',
    duration('1ms', '10s'),
    '50ms',
    'How long a look-up waits for the shared cache.',
  ),
  lookupStoreTimeout: plain(
    'lookup.store_timeout',
    'LOOKUP_STORE_TIMEOUT',
    duration('1ms', '10s'),
    '400ms',
    'How long a look-up waits for the store.',
  ),
  lookupConcurrency: plain(
    'lookup.concurrency',
    'LOOKUP_CONCURRENCY',
    wholeNumber(1, 100_000),
    '256',
    'Look-ups under way at once.',
  ),
  lookupQueue: plain(
    'lookup.queue',
    'LOOKUP_QUEUE',
    wholeNumber(0, 1_000_000),
    '1024',
    'Look-ups that wait beyond those; over it 503 `overloaded`.',
  ),
  changesPoll: plain(
    'changes.poll',
    'CHANGES_POLL',
    duration('50ms', '10s'),
    '500ms',
    'How often changes are read from the store. Over 1s a revocation takes longer than promised.',
  ),
  healthProbes: plain(
    'health.probes',
    'HEALTH_PROBES',
    truth(),
    'true',
    'Asks an upstream itself whether a credential that its answers cast doubt on works ([health.md](health.md)). The sidecar must reach `base_url`.',
  ),
  healthProbeInterval: plain(
    'health.probe_interval',
    'HEALTH_PROBE_INTERVAL',
    duration('100ms', '10m'),
    '5s',
    'Between the first probes of a dead credential; doubles up to `health.max_probe_interval`.',
  ),
  healthMaxProbeInterval: plain(
    'health.max_probe_interval',
    'HEALTH_MAX_PROBE_INTERVAL',
    duration('100ms', '10m'),
    '5m',
    'Longest time between two probes: that long a credential that works again may be left out.',
  ),
  healthCoolDown: plain(
    'health.cool_down',
    'HEALTH_COOL_DOWN',
    duration('100ms', '1h'),
    '10s',
    'How long a credential rests where the upstream does not say; doubles each time up to `health.max_cool_down`.',
  ),
  healthMaxCoolDown: plain(
    'health.max_cool_down',
    'HEALTH_MAX_COOL_DOWN',
    duration('100ms', '1d'),
    '10m',
    'Longest such rest.',
  ),
  healthWebhookUrl: plain(
    'health.webhook_url',
    'HEALTH_WEBHOOK_URL',
    httpUrl(),
    undefined,
    'Told by POST of each change in the health of a credential.',
    'none',
  ),
  healthWebhookSecret: secret(
    'health.webhook_secret',
    'HEALTH_WEBHOOK_SECRET',
    key(),
    'none; needed with `health.webhook_url`',
    'Signs those messages (HMAC-SHA256).',
  ),
  auditSink: plain(
    'audit.sink',
    'AUDIT_SINK',
    oneOf('file', 'stdout', 'none'),
    'file',
    'Where decisions are recorded.',
  ),
  auditPath: plain(
    'audit.path',
    'AUDIT_PATH',
    path(),
    undefined,
    'File of the sink `file`.',
    '`<data_dir>/audit/decisions.log`',
  ),
  auditMaxFileSize: plain(
    'audit.max_file_size',
    'AUDIT_MAX_FILE_SIZE',
    size('64KiB', '16GiB'),
    '64MiB',
    'The file rotates at this size.',
  ),
  auditMaxFiles: plain(
    'audit.max_files',
    'AUDIT_MAX_FILES',
    wholeNumber(1, 10_000),
    '8',
    'Files kept, the current one included.',
  ),
  auditBufferRecords: plain(
    'audit.buffer_records',
    'AUDIT_BUFFER_RECORDS',
    wholeNumber(100, 10_000_000),
    '10000',
    'Records that wait to be written.',
  ),
  auditOnFull: plain(
    'audit.on_full',
    'AUDIT_ON_FULL',
    oneOf('drop', 'block'),
    'drop',
    '`drop` counts what is lost; `block` answers new decisions with 503 until there is room.',
  ),
  metricsConsumers: plain(
    'metrics.consumers',
    'METRICS_CONSUMERS',
    wholeNumber(0, 1_000),
    '0',
    'How many consumers get metrics of their own ([observability.md](observability.md#figures-by-consumer)); the busiest do, the rest counts as `other`. 0: none.',
  ),
  logLevel: plain(
    'log.level',
    'LOG_LEVEL',
    oneOf('debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'Level of the log on stdout.',
  ),
  drainTimeout: plain(
    'drain_timeout',
    'DRAIN_TIMEOUT',
    duration('0s', '10m'),
    '15s',
    'How long a stopping sidecar waits for open requests.',
  ),
  adminUrl: plain(
    'admin_url',
    'ADMIN_URL',
    httpUrl(),
    undefined,
    'Where the command line finds the admin API. Not used by the sidecar.',
    '`http://127.0.0.1:9281`: the local admin listener',
  ),
  clientCert: plain(
    'client_cert',
    'CLIENT_CERT',
    path(),
    undefined,
    'PEM file of the certificate that the command line shows to listeners with a `tls_client_ca`. Not used by the sidecar.',
    'none',
  ),
  clientKey: plain('client_key', 'CLIENT_KEY', path(), undefined, 'PEM file with the key of that certificate.', 'none'),
} as const;

function plain<T, const Default extends string | undefined>(
  key: string,
  env: string,
  type: ValueType<T>,
  written: Default,
  description: string,
  defaultText?: string,
): PlainSetting<T, Default> {
  return { key, env, type, default: written, description, ...(defaultText === undefined ? {} : { defaultText }) };
}

function tlsCert(door: string): PlainSetting<string, undefined> {
  const what = `PEM file with the certificate of \`listen.${door}\`, which then speaks TLS. Read again when it changes.`;
  return plain(
    `listen.${door}_tls_cert`,
    `${door.toUpperCase()}_TLS_CERT`,
    path(),
    undefined,
    what,
    'none: plain HTTP',
  );
}

function tlsKey(door: string): PlainSetting<string, undefined> {
  const what = 'PEM file with the key of that certificate.';
  return plain(`listen.${door}_tls_key`, `${door.toUpperCase()}_TLS_KEY`, path(), undefined, what, 'none');
}

function tlsClientCa(door: string): PlainSetting<string, undefined> {
  const what = 'PEM file with the authorities whose client certificates are taken; others are refused.';
  const anyone = 'none: clients need no certificate';
  return plain(`listen.${door}_tls_client_ca`, `${door.toUpperCase()}_TLS_CLIENT_CA`, path(), undefined, what, anyone);
}

function secret(key: string, env: string, type: SecretType, defaultText: string, description: string): SecretSetting {
  return { key, env, secret: type, defaultText, description };
}
