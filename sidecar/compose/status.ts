import type { Config } from '../config/config.ts';
import type { Store } from '../core/ports.ts';
import type { Readiness } from '../http/health-routes.ts';
import type { LoadedKeys } from '../keys/key-files.ts';
import type { FileSources } from '../resources/file-source.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';
import type { TokenState } from './state.ts';
import { readVersion } from './version.ts';

export interface StatusDeps {
  readonly store: Store;
  readonly keeper: SnapshotKeeper;
  readonly sources: FileSources;
  readonly tokens: TokenState;
  readonly keys: LoadedKeys;
  readonly stateAgeMs: () => number;
  readonly readiness: () => Readiness;
  readonly startedAtMs: number;
}

/** What `credentialflow status` shows: where the state stands, and what of it cannot be used and why. */
export function describeStatus(config: Config, deps: StatusDeps): () => Promise<Readonly<Record<string, unknown>>> {
  const version = readVersion();
  return async () => {
    const { storeId, epoch, revision } = await deps.store.identity();
    const snapshot = deps.keeper.current();
    return {
      version,
      node: process.version,
      started_at: new Date(deps.startedAtMs).toISOString(),
      ...deps.readiness(),
      store: { kind: deps.store.kind, durable: deps.store.durable, store_id: storeId, epoch, revision },
      cache: { kind: deps.tokens.cache.kind, ...deps.tokens.cache.report() },
      breakers: deps.tokens.lookup.breakers(),
      snapshot: { revision: snapshot?.revision ?? null, state_age_ms: Math.round(deps.stateAgeMs()) },
      problems: snapshot?.problems ?? [],
      sources: deps.sources.status(),
      keys: deps.keys.sources,
      data_dir: config.dataDir,
    };
  };
}
