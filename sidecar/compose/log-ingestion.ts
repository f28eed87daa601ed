import type { Config } from '../config/config.ts';
import { isSettledAtEnd } from '../core/limit.ts';
import type { Clock, Log, UpstreamOutcome } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { createConsumersByRequest, type ConsumersByRequest } from '../gateway/logs/consumers-by-request.ts';
import { createIngestion } from '../gateway/logs/ingestion.ts';
import { createLogReceiver } from '../gateway/logs/receiver.ts';
import { createSeenRequests } from '../gateway/logs/seen-requests.ts';
import { gatewayLogKey } from '../keys/gateway-log-key.ts';
import type { RunningLimiter } from '../limits/limiter.ts';
import type { LogReceiver } from '../http/data-plane.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';
import { createPace } from '../snapshot/pace.ts';
import type { CleanUp } from './clean-up.ts';
import { sha256 } from './hashing.ts';

export interface LogIngestionDeps {
  readonly logKey: Secret;
  readonly keeper: SnapshotKeeper;
  /** Undefined: no figures by consumer. */
  readonly consumers: ConsumersByRequest | undefined;
  /** Told of what was sent on, once a batch. */
  readonly listeners: readonly ((outcomes: readonly UpstreamOutcome[]) => void)[];
  /** Told of the end of each request. */
  readonly limiter: Pick<RunningLimiter, 'settle' | 'passOn'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly cleanUp: CleanUp;
}

/** A decision that arrives meanwhile waits so long at most, milliseconds. */
const sliceMs = 0.25;
const maxQueuedBytes = 16 * 1_048_576;
/** A retry of the shipped routes comes within half a minute: three times, a second apart, of batches held for ten. */
const seen = { maxIds: 2 ** 18, windowMs: 60_000 } as const;
const maxRequests = 50_000;

/** What decisions leave behind for the figures by consumer, where they are wanted. */
export function createRequestMemory({ metrics }: Config): ConsumersByRequest | undefined {
  return metrics.consumers === 0 ? undefined : createConsumersByRequest({ max: maxRequests });
}

/** The gateway's log: from its batches to the metrics and whoever else listens. No decision waits for it. */
export function createLogIngestion(deps: LogIngestionDeps): LogReceiver {
  const { logKey, keeper, consumers, listeners, limiter, metrics, clock, log, cleanUp } = deps;
  const ingestion = createIngestion(
    { maxQueuedBytes },
    {
      snapshot: keeper.current,
      seen: createSeenRequests(seen, clock),
      consumers,
      pace: () => createPace(clock, sliceMs),
      onRequests: metrics.recordRequests,
      onOutcomes(outcomes) {
        for (const listener of listeners) listener(outcomes);
      },
      onEnd(requestId, usage, allowedFor) {
        if (limiter.settle(requestId, usage)) return;
        if (allowedFor()?.limits.some(isSettledAtEnd) === true) limiter.passOn(requestId, usage);
      },
      observe: {
        entries: metrics.logEntries,
        lag: metrics.logLag,
        join: (isHit) => metrics.logJoin(isHit ? 'hit' : 'miss'),
      },
      clock,
      log,
    },
  );
  metrics.watchLogQueue(ingestion.queuedBytes);
  cleanUp.add(() => ingestion.idle());
  const keyOfGateway = (id: string): string => gatewayLogKey(logKey, id);
  return createLogReceiver(
    { logKeyHash: sha256(logKey.reveal()) },
    { sha256, keyOfGateway, ingestion, observe: metrics.logBatch },
  );
}
