import { Counter, Gauge, Registry, collectDefaultMetrics, type Metric } from 'prom-client';
import type { Decision } from '../core/decision.ts';
import { createBuckets, type Buckets } from './buckets.ts';
import { beyondBound, createCells, type Cells } from './cells.ts';
import { metricDefinitions, type MetricName } from './metric-definitions.ts';

export interface CredentialState {
  readonly upstream: string;
  readonly credential: string;
  readonly usable: boolean;
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
  observeLookup(tier: string, outcome: string, durationMs: number): void;
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
  setSource(source: string, healthy: boolean): void;
  logEntries(outcome: string, count: number): void;
  /** Hot path. */
  limitUse(limit: string, outcome: string): void;
  auditRecords(outcome: string, count: number): void;
  adminRequest(method: string, status: number): void;
  /** All credentials there are; what is not named any more disappears. */
  setCredentials(credentials: Iterable<CredentialState>): void;
  /** Prometheus text format. */
  exposition(): Promise<string>;
  readonly contentType: string;
}

/** Different values of one label that an operator's resources can make; the rest counts as `other`. */
const maxLabelValues = 1_000;
/** Upstream label of a decision that ended before its upstream was known. */
const noUpstream = 'none';

/** Everything that `/metrics` says. A registry of its own: nothing of prom-client's is shared. */
export function createMetrics(options: { readonly version: string }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const allowed = createCells(maxLabelValues);
  const denied = createCells(maxLabelValues);
  const decisionDurations = createBuckets();
  const limits = createCells(maxLabelValues);
  const lookups = createCells(100);
  const lookupDurations = createBuckets();

  decisionCounter(registry, { allow: allowed, deny: denied });
  exposeBuckets(registry, 'credentialflow_decision_duration_seconds', decisionDurations);
  lookupCounter(registry, lookups);
  limitCounter(registry, limits);
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
  const logEntries = counter(registry, 'credentialflow_log_entries_total');
  const auditRecords = counter(registry, 'credentialflow_audit_records_total');
  const adminRequests = counter(registry, 'credentialflow_admin_requests_total');
  const credentials = credentialGauge(registry);
  gauge(registry, 'credentialflow_build_info').set({ version: options.version, node: process.version }, 1);

  return {
    recordDecision(decision, durationMs) {
      const upstream = decision.deliberation.upstream?.id ?? noUpstream;
      if (decision.outcome === 'allow') allowed.add(upstream, 'allow');
      else denied.add(upstream, decision.code);
      decisionDurations.observe(decision.outcome, durationMs / 1_000);
    },
    observeLookup(tier, outcome, durationMs) {
      lookups.add(tier, outcome);
      lookupDurations.observe(tier, durationMs / 1_000);
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
    logEntries: (outcome, count) => logEntries.inc({ outcome }, count),
    limitUse: limits.add,
    auditRecords: (outcome, count) => auditRecords.inc({ outcome }, count),
    adminRequest: (method, status) => adminRequests.inc({ method, status }),
    setCredentials(all) {
      credentials.clear();
      for (const { upstream, credential, usable } of all) credentials.set(upstream, credential, usable);
    },
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

function lookupCounter(registry: Registry, cells: Cells): void {
  counter(registry, 'credentialflow_cache_lookups_total', (total) => {
    for (const [tier, outcome, count] of cells.entries()) total.inc({ tier, outcome }, count);
  });
}

function limitCounter(registry: Registry, cells: Cells): void {
  counter(registry, 'credentialflow_limit_uses_total', (total) => {
    for (const [limit, outcome, count] of cells.entries()) total.inc({ limit, outcome }, count);
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

/** `fill` sets the values when scraped, from counts kept elsewhere. */
function counter(registry: Registry, name: MetricName, fill?: (total: Counter) => void): Counter {
  const { help, labels } = metricDefinitions[name];
  return new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    ...(fill && {
      collect() {
        this.reset();
        fill(this);
      },
    }),
  });
}

function gauge(registry: Registry, name: MetricName, fill?: (value: Gauge) => void): Gauge {
  const { help, labels } = metricDefinitions[name];
  return new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    ...(fill && {
      collect() {
        fill(this);
      },
    }),
  });
}

/** The registry asks nothing of a metric but its name and `get()`; prom-client's own histogram costs ten times as much. */
function exposeBuckets(registry: Registry, name: MetricName, buckets: Buckets): void {
  const { help, labels } = metricDefinitions[name];
  const labelName = labels[0] ?? '';
  const metric = {
    name,
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: buckets.values(name, labelName) }),
  };
  registry.registerMetric(metric as unknown as Metric);
}
