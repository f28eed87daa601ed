import type { Secret } from '../core/secret.ts';

/** Where a listener binds. `unix:/path` in the configuration is a unix socket. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** PEM files of a listener that speaks TLS. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates; undefined: clients need none. */
  readonly clientCa: string | undefined;
}

/** The whole configuration: frozen, fully defaulted. docs/config.md is generated from its schema. */
export interface Config {
  readonly dataDir: string;
  readonly listen: {
    readonly data: ListenAddress;
    readonly admin: ListenAddress;
    readonly metrics: ListenAddress;
    readonly reusePort: boolean;
    /** Undefined: plain HTTP. */
    readonly tls: Readonly<Record<'data' | 'admin' | 'metrics', TlsFiles | undefined>>;
  };
  /** Undefined: not configured; the data directory's own key files are used (embedded default). */
  readonly keys: {
    readonly master: Secret | undefined;
    readonly gateway: Secret | undefined;
    readonly log: Secret | undefined;
    readonly admin: Secret | undefined;
  };
  /** `sqlite:PATH`, `sqlite::memory:`, `postgres://…`. Default `sqlite:<dataDir>/credentialflow.db`. */
  readonly store: Secret;
  /** `memory`, `redis[s]://…`, `redis[s]-sentinel://…`, `redis[s]-cluster://…`. */
  readonly cache: Secret;
  readonly resources: { readonly files: readonly string[]; readonly watch: boolean; readonly allowPrune: boolean };
  /** What is known is kept on this machine's disk, sealed, for a start without the store. */
  readonly lastGood: { readonly enabled: boolean; /** A directory. */ readonly path: string };
  readonly tokens: { readonly defaultTtlMs: number; readonly maxTtlMs: number };
  readonly lookup: {
    /** Bound of L1 in bytes. */
    readonly l1Bytes: number;
    readonly deadlineMs: number;
    readonly cacheTimeoutMs: number;
    readonly storeTimeoutMs: number;
    /** Look-ups under way at once, and waiting ones beyond them. */
    readonly concurrency: number;
    readonly queue: number;
  };
  readonly changes: { readonly pollMs: number };
  readonly health: {
    readonly probes: boolean;
    readonly probeMs: number;
    readonly maxProbeMs: number;
    readonly coolDownMs: number;
    readonly maxCoolDownMs: number;
    readonly webhook: { readonly url: string; readonly secret: Secret } | undefined;
  };
  readonly audit: {
    readonly sink: 'file' | 'stdout' | 'none';
    readonly path: string;
    readonly maxFileBytes: number;
    readonly maxFiles: number;
    readonly bufferRecords: number;
    readonly onFull: 'drop' | 'block';
  };
  /** Consumers with metrics of their own; 0: none. */
  readonly metrics: { readonly consumers: number };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' };
  readonly drainTimeoutMs: number;
}
