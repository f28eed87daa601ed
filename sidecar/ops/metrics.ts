import { Registry, collectDefaultMetrics } from 'prom-client';
import type { Decision } from '../core/decision.ts';
import type { LoggedRequest } from '../core/ports.ts';
import { createBuckets, createDistribution, upstreamBounds, type Buckets } from './buckets.ts';
import { beyondBound, createCells, type Cells } from './cells.ts';
import { counter, exposeHistogram, gauge } from './expose.ts';
import { metricDefinitions, type MetricName } from './metric-definitions.ts';
import { createUpstreamMetrics } from './upstream-metrics.ts';

export interface CredentialState {
  readonly upstream: string;
  readonly credential: string;
  readonly usable: boolean;
}

export interface CredentialHealthState {
  readonly upstream: string;
  readonly credential: string;
  readonly state: string;
}

export interface WatchedTiers {
  readonly breakers: () => Readonly<Record<string, keyof typeof breakerStates>>;
  /** Undefined: there is no such connection. */
  readonly connections: () => Readonly<Record<string, boolean | undefined>>;
}

const breakerStates = { closed: 0, half_open: 1, open: 2 } as const;

export interface Metrics {
  /** Hot path. */
  recordDecision(decision: Decision, durationMs: number): void;
  /** Hot path. */
  conditionFailed(policyId: string): void;
  /** Hot path. Without a duration: nobody was asked. */
  observeLookup(tier: string, outcome: string, durationMs?: number): void;
  /** Milliseconds since a change was written, when it became known here. `store`: its kind. */
  changeKnown(store: string, ageMs: number): void;
  rejectedValue(reason: string): void;
  /** Asked at each scrape. */
  watchTiers(tiers: WatchedTiers): void;
  setRevision(store: number, applied: number): void;
  /** Asked at each scrape; milliseconds. */
  stateAge(ageMs: () => number): void;
  setSnapshot(facts: {
    readonly kinds: Readonly<Record<string, number>>;
    readonly problems: number;
    readonly buildMs: number;
  }): void;
  /** The keys of an issuer were read, or could not be. */
  issuerKeys(issuer: string, outcome: 'read' | 'failed'): void;
  setSource(source: string, healthy: boolean): void;
  /** What the gateway's log told of requests that were sent on. */
  recordRequests(requests: readonly LoggedRequest[]): void;
  logEntries(outcome: string, count: number): void;
  /** Hot path. */
  limitUse(limit: string, outcome: string): void;
  unpriced(upstream: string): void;
  limitEnds(outcome: string, count: number): void;
  logBatch(outcome: string): void;
  /** Milliseconds from the writing of an entry to its reading here. */
  logLag(ageMs: number): void;
  logJoin(outcome: 'hit' | 'miss'): void;
  /** Asked at each scrape. */
  watchLogQueue(bytes: () => number): void;
  auditRecords(outcome: string, count: number): void;
  adminRequest(method: string, status: number): void;
  /** All credentials there are; what is not named any more disappears. */
  setCredentials(credentials: Iterable<CredentialState>): void;
  /** Asked at each scrape. */
  watchHealth(list: () => Iterable<CredentialHealthState>): void;
  healthChange(upstream: string, to: string): void;
  probe(upstream: string, outcome: string): void;
  webhook(outcome: string): void;
  /** Prometheus text format. */
  exposition(): Promise<string>;
  readonly contentType: string;
}

/** Different values of one label that an operator's resources can make; the rest counts as `other`. */
const maxLabelValues = 1_000;
/** Upstream label of a decision that ended before its upstream was known. */
const noUpstream = 'none';

export interface MetricsOptions {
  readonly version: string;
  /** Consumers with figures of their own, the busiest ones; the rest is `other`. Default 0. */
  readonly maxConsumers?: number;
}

/** Everything that `/metrics` says. A registry of its own: nothing of prom-client's is shared. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const allowed = createCells(maxLabelValues);
  const denied = createCells(maxLabelValues);
  const decisionDurations = createBuckets();
  const limits = createCells(maxLabelValues);
  const failedConditions = createCells(maxLabelValues);
  const shadowed = createCells(maxLabelValues);
  const lookups = createCells(100);
  const lookupDurations = createBuckets();

  decisionCounter(registry, { allow: allowed, deny: denied });
  exposeBuckets(registry, 'credentialflow_decision_duration_seconds', decisionDurations);
  cellCounter(registry, 'credentialflow_cache_lookups_total', lookups);
  cellCounter(registry, 'credentialflow_limit_uses_total', limits);
  const limitEnds = counter(registry, 'credentialflow_limit_ends_total');
  const unpricedRequests = counter(registry, 'credentialflow_unpriced_requests_total');
  counter(registry, 'credentialflow_condition_errors_total', (total) => {
    for (const [policy, , count] of failedConditions.entries()) total.inc({ policy }, count);
  });
  counter(registry, 'credentialflow_shadow_decisions_total', (total) => {
    for (const [policy, effect, count] of shadowed.entries()) total.inc({ policy, effect }, count);
  });
  exposeBuckets(registry, 'credentialflow_cache_lookup_duration_seconds', lookupDurations);

  const propagation = createBuckets();
  exposeBuckets(registry, 'credentialflow_revocation_propagation_seconds', propagation);
  const rejectedValues = counter(registry, 'credentialflow_cache_rejected_values_total');
  const storeRevision = gauge(registry, 'credentialflow_store_revision');
  const appliedRevision = gauge(registry, 'credentialflow_applied_revision');
  let tiers: WatchedTiers = { breakers: () => ({}), connections: () => ({}) };
  gauge(registry, 'credentialflow_breaker_state', (state) => {
    for (const [step, name] of Object.entries(tiers.breakers())) state.set({ step }, breakerStates[name]);
  });
  gauge(registry, 'credentialflow_cache_connected', (connected) => {
    for (const [connection, isUp] of Object.entries(tiers.connections())) {
      if (isUp !== undefined) connected.set({ connection }, isUp ? 1 : 0);
    }
  });
  let stateAgeMs: () => number = () => 0;
  gauge(registry, 'credentialflow_state_age_seconds', (age) => age.set(stateAgeMs() / 1_000));
  const snapshotResources = gauge(registry, 'credentialflow_snapshot_resources');
  const snapshotProblems = gauge(registry, 'credentialflow_snapshot_problems');
  const snapshotBuild = gauge(registry, 'credentialflow_snapshot_build_seconds');
  const sourceHealthy = gauge(registry, 'credentialflow_resource_source_healthy');
  const recordRequests = createUpstreamMetrics(registry, {
    maxCredentials: maxLabelValues,
    maxConsumers: options.maxConsumers ?? 0,
  });
  const issuerKeyReads = counter(registry, 'credentialflow_issuer_key_reads_total');
  const logEntries = counter(registry, 'credentialflow_log_entries_total');
  const logBatches = counter(registry, 'credentialflow_log_batches_total');
  const logJoins = counter(registry, 'credentialflow_log_joins_total');
  const logLag = createDistribution(upstreamBounds);
  exposeHistogram(registry, 'credentialflow_log_lag_seconds', (name) => logLag.values(name, {}));
  let logQueueBytes: () => number = () => 0;
  gauge(registry, 'credentialflow_log_queue_bytes', (queued) => queued.set(logQueueBytes()));
  const auditRecords = counter(registry, 'credentialflow_audit_records_total');
  const adminRequests = counter(registry, 'credentialflow_admin_requests_total');
  const credentials = credentialGauge(registry);
  let listHealth: () => Iterable<CredentialHealthState> = () => [];
  gauge(registry, 'credentialflow_credential_health', (health) => {
    health.reset();
    let left = maxLabelValues;
    for (const { upstream, credential, state } of listHealth()) {
      if (left-- > 0) health.set({ upstream, credential, state }, 1);
    }
  });
  const healthChanges = createCells(maxLabelValues);
  cellCounter(registry, 'credentialflow_credential_health_changes_total', healthChanges);
  const probes = createCells(maxLabelValues);
  cellCounter(registry, 'credentialflow_credential_probes_total', probes);
  const webhooks = counter(registry, 'credentialflow_health_webhooks_total');
  gauge(registry, 'credentialflow_build_info').set({ version: options.version, node: process.version }, 1);

  return {
    recordDecision(decision, durationMs) {
      const upstream = decision.deliberation.upstream?.id ?? noUpstream;
      if (decision.outcome === 'allow') allowed.add(upstream, 'allow');
      else denied.add(upstream, decision.code);
      decisionDurations.observe(decision.outcome, durationMs / 1_000);
      const { shadow } = decision.deliberation;
      if (shadow !== undefined) shadowed.add(shadow.rule.policyId, shadow.effect);
    },
    conditionFailed: (policyId) => {
      failedConditions.add(policyId, '');
    },
    observeLookup(tier, outcome, durationMs) {
      lookups.add(tier, outcome);
      if (durationMs !== undefined) lookupDurations.observe(tier, durationMs / 1_000);
    },
    changeKnown: (store, ageMs) => {
      propagation.observe(store, ageMs / 1_000);
    },
    rejectedValue: (reason) => rejectedValues.inc({ reason }),
    watchTiers(watched) {
      tiers = watched;
    },
    setRevision(store, applied) {
      storeRevision.set(store);
      appliedRevision.set(applied);
    },
    stateAge(ageMs) {
      stateAgeMs = ageMs;
    },
    setSnapshot({ kinds, problems, buildMs }) {
      for (const [kind, count] of Object.entries(kinds)) snapshotResources.set({ kind }, count);
      snapshotProblems.set(problems);
      snapshotBuild.set(buildMs / 1_000);
    },
    setSource: (source, healthy) => sourceHealthy.set({ source }, healthy ? 1 : 0),
    recordRequests,
    issuerKeys: (issuer, outcome) => issuerKeyReads.inc({ issuer, outcome }),
    logEntries: (outcome, count) => logEntries.inc({ outcome }, count),
    limitUse: limits.add,
    limitEnds: (outcome, count) => limitEnds.inc({ outcome }, count),
    unpriced: (upstream) => unpricedRequests.inc({ upstream }),
    logBatch: (outcome) => logBatches.inc({ outcome }),
    logLag: (ageMs) => {
      logLag.observe(ageMs / 1_000);
    },
    logJoin: (outcome) => logJoins.inc({ outcome }),
    watchLogQueue(bytes) {
      logQueueBytes = bytes;
    },
    auditRecords: (outcome, count) => auditRecords.inc({ outcome }, count),
    adminRequest: (method, status) => adminRequests.inc({ method, status }),
    setCredentials(all) {
      credentials.clear();
      for (const { upstream, credential, usable } of all) credentials.set(upstream, credential, usable);
    },
    watchHealth(list) {
      listHealth = list;
    },
    healthChange: (upstream, to) => {
      healthChanges.add(upstream, to);
    },
    probe: (upstream, outcome) => {
      probes.add(upstream, outcome);
    },
    webhook: (outcome) => webhooks.inc({ outcome }),
    exposition: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function decisionCounter(registry: Registry, cells: Readonly<Record<'allow' | 'deny', Cells>>): void {
  counter(registry, 'credentialflow_decisions_total', (total) => {
    for (const outcome of ['allow', 'deny'] as const) {
      for (const [upstream, reason, count] of cells[outcome].entries()) total.inc({ upstream, outcome, reason }, count);
    }
  });
}

/** A counter of two labels whose counts are kept in cells. */
function cellCounter(registry: Registry, name: MetricName, cells: Cells): void {
  const [first = '', second = ''] = metricDefinitions[name].labels;
  counter(registry, name, (total) => {
    for (const [one, other, count] of cells.entries()) total.inc({ [first]: one, [second]: other }, count);
  });
}

function credentialGauge(registry: Registry): {
  readonly set: (upstream: string, credential: string, usable: boolean) => void;
  readonly clear: () => void;
} {
  const states = new Map<string, CredentialState>();
  gauge(registry, 'credentialflow_credential_usable', (usableNow) => {
    usableNow.reset();
    for (const { upstream, credential, usable } of states.values()) {
      usableNow.set({ upstream, credential }, usable ? 1 : 0);
    }
  });
  return {
    set(upstream, credential, usable) {
      const key = JSON.stringify([upstream, credential]);
      if (states.size < maxLabelValues || states.has(key)) {
        states.set(key, { upstream, credential, usable });
        return;
      }
      // One series for all the rest: 0 as soon as one of them is not usable.
      const others = states.get(beyondBound)?.usable ?? true;
      states.set(beyondBound, { upstream: beyondBound, credential: beyondBound, usable: usable && others });
    },
    clear: () => states.clear(),
  };
}

function exposeBuckets(registry: Registry, name: MetricName, buckets: Buckets): void {
  exposeHistogram(registry, name, (metric, labels) => buckets.values(metric, labels[0] ?? ''));
}
