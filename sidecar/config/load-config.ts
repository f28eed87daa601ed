import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Problem } from '../core/error.ts';
import { Secret } from '../core/secret.ts';
import { suggest } from './closest.ts';
import type { Config, ListenAddress, TlsFiles } from './config.ts';
import { readConfigDocument, resolvePath } from './config-document.ts';
import { configInvalid, hasErrors } from './problems.ts';
import { createSettingReader } from './setting-reader.ts';
import type { Reading, SettingReader } from './setting-reader.ts';
import { environmentPrefix, settings } from './settings.ts';
import type { PlainSetting, Setting } from './settings.ts';

export interface LoadConfigDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What relative paths of the environment and of the defaults are relative to. */
  readonly cwd: string;
  /** Reads a text file or throws as `readFileSync` does, which is the default. */
  readonly readFile?: (path: string) => string;
}

export interface LoadedConfig {
  /** Frozen, fully defaulted, all paths absolute. */
  readonly config: Config;
  readonly warnings: readonly Problem[];
  /** The configuration file that was read. */
  readonly configPath: string | undefined;
  /** For the command line: where it finds the admin API; undefined: the local admin listener. */
  readonly adminUrl: string | undefined;
  /** For the command line: PEM files of its certificate; undefined: it has none. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
}

/**
 * Reads credentialflow.yaml and the environment, which wins. `configPath` (a command's `--config`) wins over
 * CREDENTIALFLOW_CONFIG. Throws `config_invalid` with every problem at once.
 */
export function loadConfig(deps: LoadConfigDeps, options: { readonly configPath?: string } = {}): LoadedConfig {
  const { env, cwd } = deps;
  const readFile = deps.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const all: readonly Setting[] = Object.values(settings);
  const known = all.map((setting) => setting.key);
  const document = readConfigDocument({ configPath: options.configPath, cwd, known }, { env, readFile });
  const reader = createSettingReader({ env, cwd, document, readFile });
  const config = readConfig(reader);
  const adminUrl = reader.readOptional(settings.adminUrl).value;
  const client = readClient(reader);
  const problems = [...document.problems, ...reader.problems, ...unknownVariables(env, all)];
  if (hasErrors(problems)) throw configInvalid('the configuration is not valid', problems);
  return { config: deepFreeze(config), warnings: problems, configPath: document.file, adminUrl, client };
}

function readConfig(reader: SettingReader): Config {
  const s = settings;
  const dataDir = pathOf(reader.read(s.dataDir));
  const store = readStore(reader, dataDir);
  const storeText = store.reveal();
  const watch = reader.readOptional(s.resourcesWatch).value;
  const auditPath = reader.readOptional(s.auditPath);
  return {
    dataDir,
    listen: {
      data: reader.read(s.dataListen).value,
      admin: reader.read(s.adminListen).value,
      metrics: reader.read(s.metricsListen).value,
      reusePort: readReusePort(reader, storeText),
      tls: {
        data: readTls(reader, s.dataListen, [s.dataTlsCert, s.dataTlsKey, s.dataTlsClientCa]),
        admin: readTls(reader, s.adminListen, [s.adminTlsCert, s.adminTlsKey, s.adminTlsClientCa]),
        metrics: readTls(reader, s.metricsListen, [s.metricsTlsCert, s.metricsTlsKey, s.metricsTlsClientCa]),
      },
    },
    keys: readKeys(reader),
    store,
    cache: reader.readSecret(s.cache).value ?? new Secret('memory'),
    resources: {
      files: readResourceFiles(reader),
      watch: watch ?? storeText.startsWith('sqlite:'),
      allowPrune: reader.read(s.resourcesAllowPrune).value,
    },
    lastGood: readLastGood(reader, dataDir, storeText),
    tokens: readTokens(reader),
    lookup: readLookup(reader),
    health: readHealth(reader),
    changes: { pollMs: reader.read(s.changesPoll).value },
    audit: {
      sink: reader.read(s.auditSink).value,
      path:
        auditPath.value === undefined
          ? resolve(dataDir, 'audit', 'decisions.log')
          : resolvePath(auditPath.base, auditPath.value),
      maxFileBytes: reader.read(s.auditMaxFileSize).value,
      maxFiles: reader.read(s.auditMaxFiles).value,
      bufferRecords: reader.read(s.auditBufferRecords).value,
      onFull: reader.read(s.auditOnFull).value,
    },
    metrics: { consumers: reader.read(s.metricsConsumers).value },
    log: { level: reader.read(s.logLevel).value },
    drainTimeoutMs: reader.read(s.drainTimeout).value,
  };
}

function pathOf(reading: Reading<string>): string {
  return resolvePath(reading.base, reading.value);
}

function readClient(reader: SettingReader): LoadedConfig['client'] {
  const [cert, key] = [reader.readOptional(settings.clientCert), reader.readOptional(settings.clientKey)];
  if (cert.value !== undefined && key.value !== undefined) {
    return { cert: resolvePath(cert.base, cert.value), key: resolvePath(key.base, key.value) };
  }
  const alone = cert.value === undefined ? key : cert;
  if (alone.value !== undefined) reader.report('error', alone.place, 'needs client_cert and client_key');
  return undefined;
}

function readTls(
  reader: SettingReader,
  listenAt: PlainSetting<ListenAddress, string>,
  names: readonly [cert: PlainSetting<string>, key: PlainSetting<string>, clientCa: PlainSetting<string>],
): TlsFiles | undefined {
  const files = names.map((name) => reader.readOptional(name));
  const [cert, key, clientCa] = files.map(({ value, base }) =>
    value === undefined ? undefined : resolvePath(base, value),
  );
  const given = files.find(({ value }) => value !== undefined);
  if (given === undefined) return undefined;
  if (reader.read(listenAt).value.kind === 'unix') {
    reader.report('error', given.place, 'is for a listener on a port: a unix socket needs no TLS');
  }
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  reader.report('error', given.place, `needs ${names[0].key} and ${names[1].key}`);
  return undefined;
}

/** An embedded store is on the same disk, and goes away with it. */
function readLastGood(reader: SettingReader, dataDir: string, store: string): Config['lastGood'] {
  const path = reader.readOptional(settings.lastGoodPath);
  return {
    enabled: reader.readOptional(settings.lastGoodEnabled).value ?? !store.startsWith('sqlite:'),
    path: path.value === undefined ? resolve(dataDir, 'last-good') : resolvePath(path.base, path.value),
  };
}

/** The path of a SQLite file is made absolute, so that nobody has to know where it was written down. */
function readStore(reader: SettingReader, dataDir: string): Secret {
  const { value, base } = reader.readSecret(settings.store);
  if (value === undefined) return new Secret(`sqlite:${resolve(dataDir, 'credentialflow.db')}`);
  const text = value.reveal();
  if (!text.startsWith('sqlite:') || text === memoryStore) return value;
  return new Secret(`sqlite:${resolvePath(base, text.slice('sqlite:'.length))}`);
}

const memoryStore = 'sqlite::memory:';

function readReusePort(reader: SettingReader, store: string): boolean {
  const { value, place } = reader.read(settings.reusePort);
  if (value && store.startsWith('sqlite:') && store !== memoryStore) {
    reader.report(
      'error',
      place,
      'must be false with a SQLite file: one server process a data directory',
      'use postgres, or sqlite::memory: with resource files',
    );
  }
  return value;
}

function readKeys(reader: SettingReader): Config['keys'] {
  const readings = {
    master: reader.readSecret(settings.masterKey),
    gateway: reader.readSecret(settings.gatewayKey),
    log: reader.readSecret(settings.logKey),
    admin: reader.readSecret(settings.adminKey),
  };
  // One key for two doors would open the second to whoever holds the first.
  const seen = new Map<string, string>();
  for (const [name, { value, place }] of Object.entries(readings)) {
    if (value === undefined) continue;
    const other = seen.get(value.reveal());
    if (other !== undefined) reader.report('error', place, `must differ from the ${other} key`);
    else seen.set(value.reveal(), name);
  }
  return {
    master: readings.master.value,
    gateway: readings.gateway.value,
    log: readings.log.value,
    admin: readings.admin.value,
  };
}

function readResourceFiles(reader: SettingReader): readonly string[] {
  const { value, base, place } = reader.readOptional(settings.resourceFiles);
  const files = (value ?? []).map((file) => resolvePath(base, file));
  const names = files.map((file) => basename(file));
  for (const name of new Set(names.filter((candidate, i) => names.indexOf(candidate) !== i))) {
    reader.report('error', place, `names two files called ${name}`, 'base names must differ: they own the resources');
  }
  return files;
}

function readTokens(reader: SettingReader): Config['tokens'] {
  const defaultTtl = reader.read(settings.tokensDefaultTtl);
  const maxTtlMs = reader.read(settings.tokensMaxTtl).value;
  if (defaultTtl.given && defaultTtl.value > maxTtlMs) {
    reader.report('error', defaultTtl.place, 'must not be longer than tokens.max_ttl');
  }
  return { defaultTtlMs: Math.min(defaultTtl.value, maxTtlMs), maxTtlMs };
}

const gatewayTimeoutMs = 1_500;

function readLookup(reader: SettingReader): Config['lookup'] {
  const deadline = reader.read(settings.lookupDeadline);
  if (deadline.value >= gatewayTimeoutMs) {
    reader.report('warning', deadline.place, 'is not below the timeout of forward-auth (1500 ms)');
  }
  const timeouts = [reader.read(settings.lookupCacheTimeout), reader.read(settings.lookupStoreTimeout)] as const;
  for (const { value, place, given } of timeouts) {
    if (given && value > deadline.value) reader.report('warning', place, 'is longer than lookup.deadline');
  }
  return {
    l1Bytes: reader.read(settings.lookupL1Size).value,
    deadlineMs: deadline.value,
    cacheTimeoutMs: timeouts[0].value,
    storeTimeoutMs: timeouts[1].value,
    concurrency: reader.read(settings.lookupConcurrency).value,
    queue: reader.read(settings.lookupQueue).value,
  };
}

function readHealth(reader: SettingReader): Config['health'] {
  const s = settings;
  const probeMs = reader.read(s.healthProbeInterval).value;
  const coolDownMs = reader.read(s.healthCoolDown).value;
  const url = reader.readOptional(s.healthWebhookUrl);
  const signing = reader.readSecret(s.healthWebhookSecret);
  if (url.value !== undefined && !signing.given) {
    reader.report('error', url.place, 'needs health.webhook_secret: the receiver must be able to tell who writes');
  }
  const webhook =
    url.value === undefined || signing.value === undefined ? undefined : { url: url.value, secret: signing.value };
  return {
    probes: reader.read(s.healthProbes).value,
    probeMs,
    maxProbeMs: Math.max(probeMs, reader.read(s.healthMaxProbeInterval).value),
    coolDownMs,
    maxCoolDownMs: Math.max(coolDownMs, reader.read(s.healthMaxCoolDown).value),
    webhook,
  };
}

/** A warning only: others may share the prefix, and an old variable must not stop a start. */
function unknownVariables(env: LoadConfigDeps['env'], all: readonly Setting[]): readonly Problem[] {
  const known = [`${environmentPrefix}CONFIG`];
  for (const setting of all) {
    known.push(environmentPrefix + setting.env);
    if ('secret' in setting) known.push(`${environmentPrefix}${setting.env}_FILE`);
  }
  return Object.keys(env)
    .filter((name) => name.startsWith(environmentPrefix) && !known.includes(name))
    .map((name) => {
      const near = suggest(name, known);
      const fix = near === undefined ? {} : { fix: near };
      return { severity: 'warning', message: 'is not a known variable', path: name, ...fix };
    });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
