import { randomBytes } from 'node:crypto';
import type { Audit } from '../audit/audit.ts';
import type { RecentDecisions } from '../audit/recent.ts';
import { createTokenUse } from '../audit/token-use.ts';
import type { Decision, DecisionContext } from '../core/decision.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { ConsumersByRequest } from '../gateway/logs/consumers-by-request.ts';
import { createLimiter, type LimiterDeps, type RunningLimiter } from '../limits/limiter.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';
import { createTokenValidators } from '../token-validators/index.ts';
import type { CleanUp } from './clean-up.ts';
import { createKeyHasher, sha256 } from './hashing.ts';
import type { Issuers } from './issuers.ts';
import type { TokenState } from './state.ts';

export interface DecisionsDeps {
  readonly store: Store;
  /** Checksum and keyed tag of a token. */
  readonly isGenuine: (token: string) => boolean;
  readonly audit: Audit;
  readonly health: HealthMonitor;
  readonly keeper: SnapshotKeeper;
  readonly tokens: TokenState;
  readonly issuers: Issuers;
  readonly recent: RecentDecisions;
  readonly stateAgeMs: () => number;
  /** Undefined: no figures by consumer. */
  readonly consumers: ConsumersByRequest | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly cleanUp: CleanUp;
}

/** Gateways whose key hash is at hand; a sidecar stands beside one or two. */
const keptGatewayKeys = 4;
const maxLimitCounters = 100_000;
const maxOpenLimitedRequests = 50_000;
/** A third of it is between two renewals: two may fail. */
const placeLifeMs = 15_000;
const unpricedLogMs = 60_000;
const tokenUse = { flushMs: 30_000, maxTokens: 100_000 } as const;

export interface Decisions {
  readonly context: DecisionContext;
  readonly limiter: RunningLimiter;
  /** What of the record does not work, for /readyz. */
  troubles(): readonly string[];
}

/** What a decision reads, and where it is recorded. */
export function createDecisions(deps: DecisionsDeps): Decisions {
  const {
    store,
    isGenuine,
    audit,
    health,
    keeper,
    tokens,
    recent,
    stateAgeMs,
    consumers,
    metrics,
    clock,
    log,
    cleanUp,
  } = deps;
  const lastUsed = createTokenUse(tokenUse, { store, clock, log });
  cleanUp.add(() => lastUsed.stop());
  const limiter = createLimiter(
    { maxCounters: maxLimitCounters, maxOpenRequests: maxOpenLimitedRequests, placeLifeMs },
    {
      shared: tokens.cache.counters,
      places: tokens.cache.places,
      isReachable: () => tokens.cache.healthy(),
      asker: randomBytes(8).toString('hex'),
      // Limits of one store are not counted with those of another on the same server.
      keyOf: (countedAs, counter) =>
        `limit:${sha256(JSON.stringify([tokens.follower.identity().storeId, countedAs, counter]))}`,
      clock,
      observe: metrics.limitUse,
      onUnpriced: reportUnpriced(metrics, clock, log),
      observeEnds: metrics.limitEnds,
    },
  );
  cleanUp.add(() => limiter.stop());
  metrics.stateAge(stateAgeMs);
  const context: DecisionContext = {
    snapshot: keeper.current,
    validators: createTokenValidators({ ...deps.issuers, lookup: tokens.lookup, sha256, isGenuine }),
    clock,
    health,
    hashGatewayKey: createKeyHasher({ maxKept: keptGatewayKeys }),
    stateAgeMs,
    pausedBy: () => (audit.isBlocking() ? 'audit_blocked' : undefined),
    limiter,
    newDecisionId: createDecisionIds(),
    record(decision: Decision) {
      const { deliberation } = decision;
      const endedAt = clock.monotonic();
      metrics.recordDecision(decision, endedAt - deliberation.startedAt);
      audit.recordDecision(decision, endedAt);
      recent.add(decision);
      if (decision.outcome !== 'allow') return;
      // The store knows our own tokens only.
      if (deliberation.scopes === undefined) lastUsed.seen(deliberation.tokenId, deliberation.nowMs);
      consumers?.remember(deliberation.requestId, deliberation.consumerId);
      if (deliberation.credential !== undefined) health.onGiven(deliberation.credential.versionId);
    },
    onFault: (error, decision) => {
      log.error('decision_failed', { decision, error });
    },
  };
  return {
    context,
    limiter,
    troubles: () => (audit.isFailing() ? ['audit: records cannot be written'] : []),
  };
}

/** Each is counted; the log has one line an upstream and minute. */
function reportUnpriced(metrics: Metrics, clock: Clock, log: Log): LimiterDeps['onUnpriced'] {
  const saidMs = new Map<string, number>();
  return (upstream, model) => {
    metrics.unpriced(upstream);
    const nowMs = clock.monotonic();
    if (nowMs - (saidMs.get(upstream) ?? Number.NEGATIVE_INFINITY) < unpricedLogMs) return;
    saidMs.set(upstream, nowMs);
    log.warn('model_unpriced', {
      upstream,
      model,
      effect: 'its tokens cost as much as the dearest line of prices says',
    });
  };
}

/** Unique among processes by a random start, within one by a counter. */
function createDecisionIds(): () => string {
  const prefix = `d_${randomBytes(6).toString('hex')}_`;
  let count = 0;
  return () => prefix + (++count).toString(36);
}
