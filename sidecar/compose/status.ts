import type { Config } from '../config/config.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Cache, Store } from '../core/ports.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import { describeHealth } from './health.ts';
import type { Readiness } from '../http/health-routes.ts';
import type { LoadedKeys } from '../keys/key-files.ts';
import type { FileSources } from '../resources/file-source.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';
import type { Issuers } from './issuers.ts';
import type { StateSource, StoreLink } from './store-link.ts';
import { readVersion } from './package-files.ts';

export interface StatusDeps {
  readonly store: Store;
  readonly keeper: SnapshotKeeper;
  readonly sources: FileSources;
  readonly link: StoreLink;
  readonly keys: LoadedKeys;
  readonly issuers: Issuers;
  readonly readiness: () => Readiness;
  readonly health: HealthMonitor;
  readonly startedAtMs: number;
}

/** What `credentialflow status` shows: where the state stands, and what of it cannot be used and why. */
export function describeStatus(config: Config, deps: StatusDeps): () => Promise<Readonly<Record<string, unknown>>> {
  const version = readVersion();
  const { link } = deps;
  const { cache } = link.tokens;
  return async () => {
    const source = link.source();
    const snapshot = deps.keeper.current();
    return {
      version,
      node: process.version,
      started_at: new Date(deps.startedAtMs).toISOString(),
      ...deps.readiness(),
      store: await describeStore(deps.store, source),
      cache: describeCache(cache, config.listen.reusePort || deps.store.kind === 'postgres'),
      breakers: link.tokens.lookup.breakers(),
      snapshot: {
        revision: snapshot?.revision ?? null,
        from: source.from,
        state_age_ms: Math.round(link.stateAgeMs()),
      },
      last_good: describeLastGood(config, link),
      problems: snapshot?.problems ?? [],
      credentials: describeHealth(deps.health),
      issuers: describeIssuers(deps.issuers),
      sources: deps.sources.status(),
      keys: deps.keys.sources,
      data_dir: config.dataDir,
    };
  };
}

/** `isOneOfMany`: other processes decide for the same store. */
function describeCache(cache: Cache, isOneOfMany: boolean): Readonly<Record<string, unknown>> {
  const { notes, ...report } = cache.report();
  const alone =
    cache.counters === undefined && isOneOfMany
      ? ['limits and the rests of refused keys are kept by each process for itself: with several use Redis']
      : [];
  return { kind: cache.kind, ...report, notes: [...notes, ...alone] };
}

/** A store that does not answer is a fact to be told, not a reason to tell nothing. */
async function describeStore(store: Store, source: StateSource): Promise<Readonly<Record<string, unknown>>> {
  const { kind, durable } = store;
  try {
    const { storeId, epoch, revision } = await store.identity();
    return { kind, durable, reachable: true, store_id: storeId, epoch, revision };
  } catch (error) {
    const told = error instanceof CredentialFlowError ? error.message : 'it does not answer';
    return { kind, durable, reachable: false, problem: source.from === 'store' ? told : source.problem };
  }
}

function describeLastGood(config: Config, link: StoreLink): Readonly<Record<string, unknown>> {
  const { enabled } = config.lastGood;
  if (!enabled) return { enabled };
  const source = link.source();
  const { directory, written, problem } = link.lastGood();
  const confirmedAtMs = source.from === 'last_good' ? source.confirmedAtMs : written?.confirmedAtMs;
  return {
    enabled,
    directory,
    confirmed_at: confirmedAtMs === undefined ? null : new Date(confirmedAtMs).toISOString(),
    problem: problem ?? null,
  };
}

function describeIssuers({ keys }: Issuers): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(keys.report()).map(([id, { keys: count, ageMs, problem }]) => [
      id,
      { keys: count, age_ms: Number.isFinite(ageMs) ? Math.round(ageMs) : null, problem: problem ?? null },
    ]),
  );
}
