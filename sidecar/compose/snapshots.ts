import type { Clock, Log, Store } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { createInjector } from '../injectors/index.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createPolicyCompiler, subjectsOf, subjectsOfConsumer } from '../policies/compile.ts';
import { presets } from '../presets/index.ts';
import { createSecretManagers } from '../secret-managers/index.ts';
import { buildSnapshot } from '../snapshot/build.ts';
import { createSnapshotKeeper, type SnapshotKeeper } from '../snapshot/keeper.ts';
import { createPace } from '../snapshot/pace.ts';
import { createSecretCache } from '../snapshot/secret-cache.ts';
import { sha256 } from './hashing.ts';

export interface SnapshotsDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest piece of work between two turns of the loop, milliseconds: a decision that arrives meanwhile waits so long. */
const sliceMs = 0.5;
const retryMs = 1_000;

/** The keeper of the current snapshot, wired to presets, policies, injectors and secret managers. */
export function createSnapshots(deps: SnapshotsDeps): { readonly keeper: SnapshotKeeper; stop(): void } {
  const { store, keyring, env, metrics, clock, log } = deps;
  const managers = createSecretManagers({ env, clock, log, open: (sealed, binding) => keyring.open(sealed, binding) });
  const secrets = createSecretCache(managers, {
    log,
    onChange: () => void keeper.refresh().catch(() => undefined),
  });
  const keeper = createSnapshotKeeper(
    { retryMs },
    {
      build: async () =>
        buildSnapshot(await store.readAll(), {
          presets,
          createInjector,
          compiler: createPolicyCompiler,
          subjectsOfConsumer,
          subjectKeysOf: (spec) => subjectsOf(spec).map(({ key }) => key),
          secrets,
          sha256,
          pace: () => createPace(clock, sliceMs),
        }),
      onBuilt: (snapshot, buildMs) => {
        report(snapshot, buildMs, metrics);
        log.info('snapshot_built', { revision: snapshot.revision, ms: Math.round(buildMs) });
        for (const problem of snapshot.problems) log.warn('resource_unusable', { ...problem });
      },
      clock,
      log,
    },
  );
  return {
    keeper,
    stop() {
      keeper.stop();
      secrets.close();
    },
  };
}

function report(snapshot: Snapshot, buildMs: number, metrics: Metrics): void {
  const credentials = [...snapshot.upstreams.values()].flatMap((upstream) =>
    upstream.credentials.map(({ credentialId, headers }) => ({
      upstream: upstream.id,
      credential: credentialId,
      usable: headers !== undefined,
    })),
  );
  const kinds = {
    gateway: new Set(snapshot.gatewaysByKey.values()).size,
    upstream: snapshot.upstreams.size,
    credential: credentials.length,
    consumer: snapshot.consumers.size,
    policy: new Set([...snapshot.policiesBySubject.values()].flat()).size,
  };
  metrics.setSnapshot({ kinds, problems: snapshot.problems.length, buildMs });
  metrics.setCredentials(credentials);
}
