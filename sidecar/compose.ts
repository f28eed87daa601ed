import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createAudit } from './audit/audit.ts';
import { createAuditSink } from './audit/index.ts';
import { createTokenUse } from './audit/token-use.ts';
import { createAdministration } from './compose/administration.ts';
import { createKeyHasher, sha256 } from './compose/hashing.ts';
import { createKeyState } from './compose/keys.ts';
import { parseWorkerUrl } from './compose/parse-worker-url.ts';
import { createSnapshots } from './compose/snapshots.ts';
import { createTokenState } from './compose/state.ts';
import { describeStatus } from './compose/status.ts';
import { readVersion } from './compose/version.ts';
import type { Config, ListenAddress } from './config/config.ts';
import type { Decision, DecisionContext, Question } from './core/decision.ts';
import { decide } from './core/decide.ts';
import { describeToken } from './core/describe-token.ts';
import type { Log } from './core/ports.ts';
import { createLogReceiver } from './gateway/log-receiver.ts';
import { createDataPlane } from './http/data-plane.ts';
import type { Readiness } from './http/health-routes.ts';
import { listen, type Listener } from './http/listen.ts';
import { createOpsServer } from './http/ops-server.ts';
import { sharedPortProblem } from './http/shared-port.ts';
import { ensureDefaultGateway } from './keys/default-gateway.ts';
import { loadKeys, type KeyName } from './keys/key-files.ts';
import { createKeyring } from './keys/keyring.ts';
import { systemClock as clock } from './ops/clock.ts';
import { createLogger } from './ops/logger.ts';
import { createMetrics } from './ops/metrics.ts';
import { createFileSources } from './resources/file-source.ts';
import { inSlot, lockDataDir } from './stores/data-dir-lock.ts';
import { openStore, parseStoreUrl } from './stores/index.ts';
import { createTokenValidators } from './token-validators/index.ts';

export interface Running {
  /** As bound: `127.0.0.1:9280`, `unix:/path`. */
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

const dayMs = 86_400_000;
/** Open requests of administrators may finish. */
const adminDrainMs = 1_000;
/** Gateways whose key hash is at hand; a sidecar stands beside one or two. */
const keptGatewayKeys = 4;
const tokenUse = { flushMs: 30_000, maxTokens: 100_000 } as const;

/**
 * The composition root: Config → a running sidecar. Resolves when it answers; rejects with a CredentialFlowError that
 * says what to do, with nothing left open.
 */
export async function start(config: Config, deps: StartDeps): Promise<Running> {
  const log = deps.log ?? createLogger({ level: config.log.level }, { clock });
  const cleanUp: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const task of cleanUp.splice(0).reverse()) await task();
  };
  try {
    return await assemble(config, { ...deps, log }, cleanUp, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  config: Config,
  { env, log }: Required<StartDeps>,
  cleanUp: (() => Promise<void> | void)[],
  close: () => Promise<void>,
): Promise<Running> {
  const version = readVersion();
  const metrics = createMetrics({ version });

  // What must be there: the data directory (for us alone, if the store is in it), the keys, the store they belong to.
  const { kind, location } = parseStoreUrl(config.store.reveal());
  const isEmbedded = kind === 'sqlite';
  const lock = lockDataDir(config.dataDir, { command: 'credentialflow serve', shared: !isEmbedded }, { clock });
  cleanUp.push(() => lock.release());
  const inMemory = isEmbedded && location === ':memory:';
  // Others may have the keys of a shared store already: a new one would only be a wrong one.
  const mayCreate = isEmbedded && (inMemory || !existsSync(location));
  const keys = loadKeys({ dataDir: config.dataDir, configured: config.keys, mayCreate }, { log });
  const keyring = createKeyring(keys.masters);
  const readOnlyBecauseOfFiles = inMemory && config.resources.files.length > 0;
  const store = await openStore(
    config.store.reveal(),
    { readOnlyBecauseOfFiles, lookupTimeoutMs: config.lookup.storeTimeoutMs },
    { clock, log },
  );
  cleanUp.push(() => store.close());
  const keyState = await createKeyState(config, { store, keyring, keys, log });
  await ensureDefaultGateway({ keyHash: sha256(keys.gateway.reveal()), overlapMs: dayMs }, { store, clock, log });

  // State: resources from files, then the first read of changes, then the first snapshot.
  const sources = createFileSources(
    { ...config.resources, parseWorkerUrl, fingerprint: version },
    {
      apply: (chunks, options) => store.apply(chunks, options),
      ...(inMemory ? {} : { meta: { get: store.getMeta, set: store.setMeta } }),
      clock,
      log,
      onState: (source, { status }) => {
        metrics.setSource(source, status === 'applied' || status === 'unchanged');
      },
    },
  );
  cleanUp.push(() => sources.stop());
  await sources.start();
  const snapshots = createSnapshots({ store, keyring, env, metrics, clock, log });
  cleanUp.push(() => {
    snapshots.stop();
  });
  const { keeper } = snapshots;
  const { storeId } = await store.identity();
  const tokens = await createTokenState(config, { store, storeId, keyring, keeper, metrics, clock, log });
  cleanUp.push(() => tokens.stop());
  await tokens.follower.start();
  await keeper.refresh();

  // What is recorded.
  const auditFile = { ...config.audit, path: inSlot(config.audit.path, lock.slot) };
  const sink = createAuditSink(config.audit.sink, auditFile, { stdout: process.stdout });
  const audit = createAudit(config.audit, { sink, clock, log, observe: metrics.auditRecords });
  cleanUp.push(() => audit.close());
  const lastUsed = createTokenUse(tokenUse, { store, clock, log });
  cleanUp.push(() => lastUsed.stop());

  // The decision.
  const stateAgeMs = (): number => Math.max(clock.monotonic() - tokens.follower.lastReadAtMs(), keeper.behindMs());
  metrics.stateAge(stateAgeMs);
  const context: DecisionContext = {
    snapshot: keeper.current,
    validators: createTokenValidators({ lookup: tokens.lookup, sha256, isGenuine: keyState.isGenuine }),
    clock,
    hashGatewayKey: createKeyHasher({ maxKept: keptGatewayKeys }),
    stateAgeMs,
    pausedBy: () => (audit.isBlocking() ? 'audit_blocked' : undefined),
    newDecisionId: createDecisionIds(),
    record(decision: Decision) {
      const { deliberation } = decision;
      metrics.recordDecision(decision, clock.monotonic() - deliberation.startedAt);
      audit.recordDecision(decision);
      if (decision.outcome === 'allow') lastUsed.seen(deliberation.tokenId, deliberation.nowMs);
    },
    onFault: (error, decision) => {
      log.error('decision_failed', { decision, error });
    },
  };

  // The listeners.
  let draining = false;
  const readiness = (): Readiness => {
    const reasons = [
      ...(draining ? ['draining'] : []),
      ...(keeper.current() === undefined ? ['no snapshot yet'] : []),
      ...(stateAgeMs() > config.changes.pollMs * 4 + 1_000 ? ['store: changes cannot be read'] : []),
      ...tokens.troubles(),
    ];
    return { ready: !draining && keeper.current() !== undefined, reasons };
  };
  const logs = createLogReceiver(
    { logKeyHash: sha256(keys.log.reveal()) },
    { sha256, observe: metrics.logEntries, log },
  );
  const dataPlane = createDataPlane(
    { logDecisions: config.log.level === 'debug' },
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
    tokens,
    keys,
    stateAgeMs,
    readiness,
    startedAtMs: clock.now(),
  });
  const admin = createAdministration(config, {
    store,
    keys,
    keyring,
    keyAdministration: keyState.administration,
    metrics,
    clock,
    log,
    status,
  });
  const ops = createOpsServer({ metrics, readiness, log });
  const portProblem = config.listen.reusePort ? sharedPortProblem() : undefined;
  if (portProblem !== undefined) log.warn('shared_port', { problem: portProblem });
  const bind = async (server: Parameters<typeof listen>[0], address: ListenAddress): Promise<Listener> => {
    const listener = await listen(server, address, { reusePort: config.listen.reusePort }, { clock });
    cleanUp.push(() => listener.drain(0));
    return listener;
  };
  const listeners = {
    metrics: await bind(ops.server, config.listen.metrics),
    admin: await bind(admin.server, config.listen.admin),
    data: await bind(dataPlane.server, config.listen.data),
  };
  const addresses = {
    data: listeners.data.address,
    admin: listeners.admin.address,
    metrics: listeners.metrics.address,
  };
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
      await listeners.data.drain(config.drainTimeoutMs);
      await Promise.all([listeners.admin.drain(adminDrainMs), listeners.metrics.drain(0)]);
      await close();
      log.info('stopped');
    },
  };
}

/** Unique among processes by a random start, within one by a counter. */
function createDecisionIds(): () => string {
  const prefix = `d_${randomBytes(6).toString('hex')}_`;
  let count = 0;
  return () => prefix + (++count).toString(36);
}
