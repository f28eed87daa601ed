import { createRecentDecisions } from './audit/recent.ts';
import { createAdministration } from './compose/administration.ts';
import { createAuditTrail } from './compose/audit-trail.ts';
import { createCleanUp, type CleanUp } from './compose/clean-up.ts';
import { createDecisions } from './compose/decisions.ts';
import { createExplanations } from './compose/explanations.ts';
import { createResourceFiles } from './compose/file-sources.ts';
import { layFoundation } from './compose/foundation.ts';
import { createHealth, healthOf } from './compose/health.ts';
import { createIssuers } from './compose/issuers.ts';
import { bindListeners } from './compose/listeners.ts';
import { createLogIngestion, createRequestMemory } from './compose/log-ingestion.ts';
import { parseProcessUrl } from './compose/parse-process-url.ts';
import { createReadiness } from './compose/readiness.ts';
import { createSnapshots } from './compose/snapshots.ts';
import { describeStatus } from './compose/status.ts';
import { linkStore } from './compose/store-link.ts';
import { chooseServers } from './compose/tls.ts';
import { readVersion } from './compose/package-files.ts';
import type { Config } from './config/config.ts';
import type { Question } from './core/decision.ts';
import { decide } from './core/decide.ts';
import { describeToken } from './core/describe-token.ts';
import type { Log } from './core/ports.ts';
import { createDataPlane } from './http/data-plane.ts';
import { createOpsServer } from './http/ops-server.ts';
import type { KeyName } from './keys/key-files.ts';
import { rewrapInTurn } from './keys/rewrap-in-turn.ts';
import { systemClock as clock } from './ops/clock.ts';
import { createLogger } from './ops/logger.ts';
import { createMetrics } from './ops/metrics.ts';
import { isConditionHeader } from './policies/condition-names.ts';
import { createParsers } from './resources/parsers.ts';
import { inSlot } from './stores/data-dir-lock.ts';

export interface Running {
  /** As bound: `127.0.0.1:9280`, `https://127.0.0.1:9280`, `unix:/path`. */
  readonly addresses: Readonly<Record<'data' | 'admin' | 'metrics', string>>;
  /** Names of the keys that this start made. */
  readonly keysCreated: readonly KeyName[];
  readonly keyPaths: Readonly<Record<KeyName, string>>;
  /** Drains the data plane, writes what waits to be written, closes everything. */
  stop(): Promise<void>;
}

export interface StartDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: JSON lines on stdout at the configured level. */
  readonly log?: Log;
}

/**
 * The composition root: Config → a running sidecar. Resolves when it answers; rejects with a CredentialFlowError that
 * says what to do, with nothing left open.
 */
export async function start(config: Config, deps: StartDeps): Promise<Running> {
  const log = deps.log ?? createLogger({ level: config.log.level }, { clock });
  const cleanUp = createCleanUp();
  try {
    return await assemble(config, { ...deps, log }, cleanUp);
  } catch (error) {
    await cleanUp.run();
    throw error;
  }
}

async function assemble(config: Config, { env, log }: Required<StartDeps>, cleanUp: CleanUp): Promise<Running> {
  const version = readVersion();
  const metrics = createMetrics({ version, maxConsumers: config.metrics.consumers });
  const common = { metrics, clock, log, cleanUp };
  // First of all, while this process is small.
  const parsers = createParsers({ processUrl: parseProcessUrl });
  cleanUp.add(() => parsers.close());
  const makeServer = await chooseServers(config.listen, common);
  const { lock, keys, keyring, late, keyState, inMemory } = layFoundation(config, common);
  const { store } = late;

  // State: resources from files, then the first read of changes, then the first snapshot.
  const sources = createResourceFiles(config, { ...common, store, parsers, inMemory, version });
  cleanUp.add(() => sources.stop());
  const snapshots = createSnapshots({ ...common, store, keyring, env });
  cleanUp.add(() => {
    snapshots.stop();
  });
  const { keeper } = snapshots;
  const link = await linkStore(config, { ...common, lock, keys, keyring, late, keyState, snapshots, sources });
  const { tokens, stateAgeMs } = link;

  // The decision.
  const audit = createAuditTrail(config, { ...common, auditPath: inSlot(config.audit.path, lock.slot) });
  const health = createHealth(config, { ...common, keeper, tokens, audit });
  const recent = createRecentDecisions({ isReadable: isConditionHeader });
  const consumers = createRequestMemory(config);
  const issuers = createIssuers({ ...common, snapshot: keeper.current, resolveSecret: snapshots.resolveSecret });
  const { isGenuine } = keyState;
  const { context, limiter, troubles } = createDecisions({
    ...common,
    store,
    issuers,
    isGenuine,
    audit,
    health,
    keeper,
    tokens,
    recent,
    stateAgeMs,
    consumers,
  });

  // The listeners.
  let draining = false;
  const readiness = createReadiness(config, {
    link,
    keeper,
    isDraining: () => draining,
    isStorageFull: late.isFull,
    troubles,
  });
  const logs = createLogIngestion({
    ...common,
    logKey: keys.log,
    keeper,
    consumers,
    limiter,
    listeners: [health.onOutcomes],
  });
  const dataPlane = createDataPlane(
    { logDecisions: config.log.level === 'debug', makeServer: makeServer.data },
    {
      decide: (question: Question) => decide(question, context),
      describeToken: (question: Question) => describeToken(question, context),
      logs,
      readiness,
      log,
    },
  );
  const status = describeStatus(config, {
    store,
    keeper,
    sources,
    link,
    keys,
    issuers,
    readiness,
    health,
    startedAtMs: clock.now(),
  });
  const admin = createAdministration(config, {
    makeServer: makeServer.admin,
    ...common,
    store,
    parsers,
    keys,
    keyring,
    keyAdministration: rewrapInTurn(keyState.administration, {
      locks: tokens.cache.locks,
      storeId: () => tokens.follower.identity().storeId,
      clock,
    }),
    healthOf: (credential) => healthOf(health, credential),
    explanations: createExplanations(config, { store, context, limits: limiter, policies: snapshots.policies, recent }),
    status,
  });
  const ops = createOpsServer({ makeServer: makeServer.metrics }, { metrics, readiness, log });
  const servers = { data: dataPlane.server, admin: admin.server, metrics: ops.server };
  const listeners = await bindListeners(config, servers, common);
  const { addresses } = listeners;
  lock.update({ listeners: addresses });
  log.info('ready', { version, ...addresses, store: store.kind, cache: tokens.cache.kind, pid: process.pid });

  return {
    addresses,
    keysCreated: keys.created,
    keyPaths: keys.paths,
    async stop() {
      if (draining) return;
      draining = true;
      log.info('draining', { timeout_ms: config.drainTimeoutMs });
      await listeners.drain(config.drainTimeoutMs);
      await cleanUp.run();
      log.info('stopped');
    },
  };
}
