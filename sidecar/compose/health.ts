import type { Audit } from '../audit/audit.ts';
import { createHealthBoard } from '../caches/health-board.ts';
import type { Config } from '../config/config.ts';
import type { Clock, Log } from '../core/ports.ts';
import {
  createHealthMonitor,
  type HealthMonitor,
  type HealthTransition,
  type ListedHealth,
} from '../health/monitor.ts';
import { createProbeTurns } from '../health/probe-turns.ts';
import { createHealthSharing, type HealthSharing } from '../health/sharing.ts';
import { createWebhook, describeTransition, type Webhook } from '../health/webhook.ts';
import { createHttpClient } from '../ops/http-client.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { SnapshotKeeper } from '../snapshot/keeper.ts';
import type { CleanUp } from './clean-up.ts';
import type { TokenState } from './state.ts';

export interface HealthDeps {
  readonly keeper: SnapshotKeeper;
  readonly tokens: TokenState;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly cleanUp: CleanUp;
}

/** Of a probe, or of a message to the webhook. */
const timeoutMs = 5_000;
/** A list of models may have some hundreds of them. */
const maxBodyBytes = 4_194_304;
const pollMs = 500;

/** The health of credentials, wired: what is learned goes to metrics, log, audit, webhook and the other sidecars. */
export function createHealth(config: Config, deps: HealthDeps): HealthMonitor {
  const { keeper, tokens, metrics, clock, cleanUp } = deps;
  const client = createHttpClient({ timeoutMs, maxBodyBytes });
  const webhook = startWebhook(config, client, deps);
  const monitor = createHealthMonitor(config.health, {
    snapshot: keeper.current,
    request: client.request,
    clock,
    turns: createProbeTurns({ locks: tokens.cache.locks, storeId: () => tokens.follower.identity().storeId, clock }),
    random: Math.random,
    observe: metrics.probe,
    onTransition(transition) {
      tell(transition, deps);
      // Whoever saw it tells; and a suspicion that came to nothing is no news.
      if (transition.firsthand && isNews(transition)) webhook?.send(transition);
      sharing?.hurry();
    },
  });
  const sharing = share(monitor, deps);
  metrics.watchHealth(monitor.list);
  cleanUp.add(() => {
    sharing?.stop();
    monitor.stop();
    webhook?.stop();
    void client.close().catch(() => undefined);
  });
  return monitor;
}

function tell(transition: HealthTransition, { audit, metrics, log }: HealthDeps): void {
  metrics.healthChange(transition.upstream, transition.to);
  const { time, event, ...fields } = describeTransition(transition);
  if (isQuiet(transition)) {
    log.debug('credential_health_changed', fields);
    return;
  }
  const level = transition.to === 'dead' ? 'error' : transition.to === 'ok' ? 'info' : 'warn';
  log[level]('credential_health_changed', fields);
  audit.recordEvent({ time, event, ...fields });
}

/** The first request of a credential that works. */
const isQuiet = ({ from, to }: HealthTransition): boolean => from === 'unknown' && to === 'ok';
const isNews = ({ from, to }: HealthTransition): boolean =>
  to !== 'suspect' && !(to === 'ok' && (from === 'suspect' || from === 'unknown'));

function share(monitor: HealthMonitor, { tokens, metrics, clock }: HealthDeps): HealthSharing | undefined {
  // Nobody else reads the memory of this process.
  if (tokens.cache.kind === 'memory') return undefined;
  const { cache, sealer, follower } = tokens;
  const board = createHealthBoard({
    cache,
    sealer,
    identity: () => follower.identity(),
    onRejected: metrics.rejectedValue,
  });
  return createHealthSharing({ pollMs }, { board, monitor, clock });
}

function startWebhook(
  config: Config,
  client: ReturnType<typeof createHttpClient>,
  { metrics, clock, log }: HealthDeps,
): Webhook | undefined {
  const { webhook } = config.health;
  if (webhook === undefined) return undefined;
  return createWebhook(webhook, { request: client.request, clock, log, observe: metrics.webhook });
}

/** For `status`: how many are in which state, and those that are not fit. */
export function describeHealth(monitor: HealthMonitor): Readonly<Record<string, unknown>> {
  const all = monitor.list();
  const counts: Record<string, number> = {};
  for (const { state } of all) counts[state] = (counts[state] ?? 0) + 1;
  const unfit = all.filter(({ state }) => state !== 'ok' && state !== 'unknown');
  return { ...counts, unfit: unfit.slice(0, maxShown).map(describeOne) };
}

/** For one credential of the admin API; undefined: it is not in the snapshot (disabled, or newer than it). */
export function healthOf(monitor: HealthMonitor, credential: string): Readonly<Record<string, unknown>> | undefined {
  const found = monitor.ofCredential(credential);
  if (found === undefined) return undefined;
  const { credential: _, upstream: __, ...rest } = describeOne(found);
  return rest;
}

const maxShown = 100;

function describeOne({ upstream, credential, state, reason, sinceMs, untilMs, firsthand }: ListedHealth): {
  readonly upstream: string;
  readonly credential: string;
} & Readonly<Record<string, unknown>> {
  return {
    upstream,
    credential,
    state,
    ...(reason !== '' && { reason }),
    ...(sinceMs > 0 && { since: new Date(sinceMs).toISOString() }),
    ...(untilMs > 0 && { until: new Date(untilMs).toISOString() }),
    ...(!firsthand && { seen_by: 'fleet' }),
  };
}
