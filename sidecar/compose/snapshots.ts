import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log, Store, StoreIdentity } from '../core/ports.ts';
import type { ResourceRecord, SecretReference } from '../core/resources.ts';
import type { Secret } from '../core/secret.ts';
import type { SnapshotProblem } from '../core/snapshot.ts';
import { createInjector } from '../injectors/index.ts';
import type { Keyring } from '../keys/keyring.ts';
import { collectOften } from '../ops/collector.ts';
import type { Metrics } from '../ops/metrics.ts';
import { createPolicyCompiling, subjectsOfConsumer, type PolicyCompiling } from '../policies/compile.ts';
import { presets } from '../presets/index.ts';
import { createSecretManagers } from '../secret-managers/index.ts';
import { createAddressMatcher } from '../snapshot/address-matcher.ts';
import { buildSnapshot, updateSnapshot, type BuiltSnapshot, type SnapshotDeps } from '../snapshot/build.ts';
import { createSnapshotKeeper, type SnapshotKeeper, type WantedBuild } from '../snapshot/keeper.ts';
import { createPace, type Rest } from '../snapshot/pace.ts';
import { createSecretCache } from '../snapshot/secret-cache.ts';
import { createSharing } from '../snapshot/sharing.ts';
import { sha256 } from './hashing.ts';

export interface SnapshotsDeps {
  readonly store: Pick<Store, 'readAll' | 'readChanged'>;
  readonly keyring: Keyring;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest piece of work between two turns of the loop, milliseconds: a decision that arrives meanwhile waits so long. */
const sliceMs = 0.25;
/**
 * Between two such pieces while decisions are made, milliseconds: without a rest each of them would wait for the next piece,
 * and for what else wants the processor (the collector's helpers, the store's writer).
 */
const restMs = 1;
/**
 * No rest any more once a change has waited so long for its snapshot, milliseconds: a revoked policy or credential must have
 * its effect within a second.
 */
const maxRestedMs = 800;
/** Consumers and policies beyond which no build rests: reading them all takes a large part of that second by itself. */
const maxRestedResources = 15_000;
const retryMs = 1_000;
/** Some 200 bytes each. */
const maxShared = 10_000;
/** As many changes are never worth a build from scratch. */
const fewChanges = 200;
/**
 * Up to this share of all resources, only what has changed is read: half of 10,000 takes two thirds of the time of a build
 * from scratch.
 */
const worthwhileShare = 0.6;

export interface Snapshots {
  readonly keeper: SnapshotKeeper;
  /** For explaining what the snapshots' policies say. */
  readonly policies: PolicyCompiling;
  /** A snapshot of resources that do not come from the store of now; secrets are resolved anew. */
  buildFrom(identity: StoreIdentity, resources: readonly ResourceRecord[]): Promise<BuiltSnapshot>;
  /** A secret of a resource that is not a credential: read when asked for, never kept. */
  resolveSecret(reference: SecretReference, binding: string): Promise<Secret>;
  stop(): void;
}

/** The keeper of the current snapshot, wired to presets, policies, injectors and secret managers. */
export function createSnapshots(deps: SnapshotsDeps): Snapshots {
  const { store, keyring, env, metrics, clock, log } = deps;
  const managers = createSecretManagers({ env, clock, log, open: (sealed, binding) => keyring.open(sealed, binding) });
  const secrets = createSecretCache(managers, {
    log,
    onChange: (credential) => void keeper.refreshSecret(credential).catch(() => undefined),
  });
  const policies = createPolicyCompiling({ createAddressMatcher, conditionFailed: metrics.conditionFailed });
  const rest: Rest = (go) => (keeper.behindMs() < maxRestedMs ? clock.after(restMs, go) : setImmediate(go));
  const building: SnapshotDeps = {
    presets,
    createInjector,
    policies,
    subjectsOfConsumer,
    sharing: createSharing({ maxKept: maxShared }),
    secrets,
    sha256,
    // Nothing is decided before the first snapshot, or after a store that came back as another one: no rest then.
    pace: () => createPace(clock, sliceMs, sizeOf(keeper.built()) <= maxRestedResources ? rest : undefined),
  };
  const keeper = createSnapshotKeeper(
    { retryMs },
    {
      async build(previous, wanted) {
        const collectAsUsual = collectOften();
        try {
          return await build(previous, wanted, store, building);
        } finally {
          collectAsUsual();
        }
      },
      onBuilt(built, buildMs, previous) {
        report(built, buildMs, metrics);
        const { snapshot } = built;
        log.info('snapshot_built', { revision: snapshot.revision, ms: Math.round(buildMs) });
        const known = new Set(previous?.snapshot.problems.map(textOf));
        for (const problem of snapshot.problems) {
          if (!known.has(textOf(problem))) log.warn('resource_unusable', { ...problem });
        }
      },
      clock,
      log,
    },
  );
  return {
    keeper,
    policies,
    async resolveSecret(reference, binding) {
      const manager = managers.get(reference.from);
      if (manager === undefined) throw new CredentialFlowError('secret_invalid', 'no secret manager has this name');
      return manager.resolve(reference, binding);
    },
    buildFrom: (identity, resources) => buildSnapshot({ ...identity, chunks: inOne(resources) }, building),
    stop() {
      keeper.stop();
      secrets.close();
    },
  };
}

/** What is cheapest: nothing of the store, what has changed in it, or everything. */
async function build(
  previous: BuiltSnapshot | undefined,
  { changes, secrets }: WantedBuild,
  store: SnapshotsDeps['store'],
  deps: SnapshotDeps,
): Promise<BuiltSnapshot> {
  if (previous === undefined) return buildSnapshot(await store.readAll(), deps);
  if (!changes) return updateSnapshot(previous, { ...previous.snapshot, chunks: nothing(), secrets }, deps);
  const { snapshot } = previous;
  const worthwhile = Math.max(fewChanges, Math.floor(sizeOf(previous) * worthwhileShare));
  const changed = await store.readChanged(snapshot, worthwhile);
  if (changed === undefined) return buildSnapshot(await store.readAll(), deps);
  return updateSnapshot(previous, { ...changed, secrets }, deps);
}

/** Consumers and policies. Infinity where there is no snapshot: nothing is decided then, so no build need rest. */
function sizeOf(built: BuiltSnapshot | undefined): number {
  return built === undefined ? Infinity : built.snapshot.consumers.size + built.parts.policies.policies.size;
}

async function* inOne<T>(item: T): AsyncGenerator<T, void> {
  yield item;
}

async function* nothing(): AsyncGenerator<never, void> {
  return;
}

const textOf = ({ kind, id, message }: SnapshotProblem): string => `${kind}/${id}/${message}`;

function report({ snapshot, parts }: BuiltSnapshot, buildMs: number, metrics: Metrics): void {
  const credentials = [...snapshot.upstreams.values()].flatMap((upstream) =>
    upstream.credentials.map(({ credentialId, headers }) => ({
      upstream: upstream.id,
      credential: credentialId,
      usable: headers !== undefined,
    })),
  );
  const kinds = {
    gateway: parts.gateways.size,
    upstream: snapshot.upstreams.size,
    credential: credentials.length,
    consumer: snapshot.consumers.size,
    group: parts.groups.size,
    issuer: parts.issuers.size,
    policy: parts.policies.policies.size,
    limit: parts.limits.size,
    revocation: parts.revocations.size,
  };
  metrics.setSnapshot({ kinds, problems: snapshot.problems.length, buildMs });
  metrics.setCredentials(credentials);
}
