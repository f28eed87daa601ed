export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** What one unit of the value is. */
  readonly unit:
    | 'decisions'
    | 'seconds'
    | 'look-ups'
    | 'values'
    | 'revision'
    | 'resources'
    | 'problems'
    | 'bool'
    | 'state'
    | 'entries'
    | 'records'
    | 'requests'
    | 'batches'
    | 'bytes'
    | 'tokens'
    | 'joins'
    | 'headroom'
    | 'changes'
    | 'probes'
    | 'messages'
    | 'info';
}

/** Every metric of our own; docs/metrics.md is held to this table by a test. Beside them: prom-client's process metrics. */
export const metricDefinitions = {
  credentialflow_decisions_total: {
    type: 'counter',
    help: 'Decisions. reason is "allow" or the code of the denial (docs/errors.md); upstream is "none" where it was not known.',
    labels: ['upstream', 'outcome', 'reason'],
    unit: 'decisions',
  },
  credentialflow_decision_duration_seconds: {
    type: 'histogram',
    help: 'Time from the question to the decision.',
    labels: ['outcome'],
    unit: 'seconds',
  },
  credentialflow_condition_errors_total: {
    type: 'counter',
    help: 'Conditions of policies (`when`) that could not be evaluated: an allow said nothing, a deny denied.',
    labels: ['policy'],
    unit: 'decisions',
  },
  credentialflow_shadow_decisions_total: {
    type: 'counter',
    help: 'Requests that a policy in shadow mode would have decided otherwise; effect is what it would have done (allow, deny).',
    labels: ['policy', 'effect'],
    unit: 'decisions',
  },
  credentialflow_limit_uses_total: {
    type: 'counter',
    help: 'Units that requests wanted of a limit, by outcome: allowed, exceeded (429), warned (mode: warn), unknown (503); alone counts the decisions made without the shared counters.',
    labels: ['limit', 'outcome'],
    unit: 'requests',
  },
  credentialflow_limit_ends_total: {
    type: 'counter',
    help: 'Ends of requests that sidecars tell each other, for limits that wait for them: told to the others, taken from them for a request of this one, lost (too many waited).',
    labels: ['outcome'],
    unit: 'requests',
  },
  credentialflow_cache_lookups_total: {
    type: 'counter',
    help: 'Look-ups of tokens by tier (l1, cache, store) and outcome.',
    labels: ['tier', 'outcome'],
    unit: 'look-ups',
  },
  credentialflow_cache_lookup_duration_seconds: {
    type: 'histogram',
    help: 'Time that a look-up took in the cache or the store. L1 is part of the decision, and is not timed.',
    labels: ['tier'],
    unit: 'seconds',
  },
  credentialflow_cache_rejected_values_total: {
    type: 'counter',
    help: 'Values of the shared cache that were not believed. More than a few: somebody writes to the cache.',
    labels: ['reason'],
    unit: 'values',
  },
  credentialflow_cache_connected: {
    type: 'gauge',
    help: '1 where a connection to the cache is up: values (all of them), hints (of changes; without it they are seen at the next poll).',
    labels: ['connection'],
    unit: 'bool',
  },
  credentialflow_breaker_state: {
    type: 'gauge',
    help: 'Circuit breaker of a step of token look-ups (cache, store): 0 closed, 1 half open (one asks for all), 2 open (nobody asks).',
    labels: ['step'],
    unit: 'state',
  },
  credentialflow_issuer_key_reads_total: {
    type: 'counter',
    help: 'Reads of the keys of an issuer of JWTs: `read`, `failed`. Its keys are used for a day after the last read.',
    labels: ['issuer', 'outcome'],
    unit: 'requests',
  },
  credentialflow_store_revision: {
    type: 'gauge',
    help: 'Newest revision of the store that was seen.',
    labels: [],
    unit: 'revision',
  },
  credentialflow_applied_revision: {
    type: 'gauge',
    help: 'Revision that decisions are made from.',
    labels: [],
    unit: 'revision',
  },
  credentialflow_state_age_seconds: {
    type: 'gauge',
    help: 'Time since changes were last read from the store. Over max_stale of an upstream its requests are denied.',
    labels: [],
    unit: 'seconds',
  },
  credentialflow_revocation_propagation_seconds: {
    type: 'histogram',
    help: 'Time from the writing of a change (a revocation, a policy …) to its being known to this sidecar, by the clock of the store.',
    labels: ['store'],
    unit: 'seconds',
  },
  credentialflow_snapshot_resources: {
    type: 'gauge',
    help: 'Resources in the snapshot, by kind.',
    labels: ['kind'],
    unit: 'resources',
  },
  credentialflow_snapshot_problems: {
    type: 'gauge',
    help: 'Resources that cannot be used as they are; /readyz and `credentialflow status` name them.',
    labels: [],
    unit: 'problems',
  },
  credentialflow_snapshot_build_seconds: {
    type: 'gauge',
    help: 'Time that the last snapshot took to build.',
    labels: [],
    unit: 'seconds',
  },
  credentialflow_resource_source_healthy: {
    type: 'gauge',
    help: '1 where the last reading of a resource file was applied, 0 where it was refused and the last good state is kept.',
    labels: ['source'],
    unit: 'bool',
  },
  credentialflow_credential_usable: {
    type: 'gauge',
    help: '1 where the secret of a credential could be read and fits its header, else 0.',
    labels: ['upstream', 'credential'],
    unit: 'bool',
  },
  credentialflow_credential_health: {
    type: 'gauge',
    help: '1 for the state that a credential is in: unknown, ok, degraded, suspect, throttled, dead (docs/health.md).',
    labels: ['upstream', 'credential', 'state'],
    unit: 'bool',
  },
  credentialflow_credential_health_changes_total: {
    type: 'counter',
    help: 'Changes of credentials from one state to another, by the new state; also those that another sidecar saw.',
    labels: ['upstream', 'to'],
    unit: 'changes',
  },
  credentialflow_credential_probes_total: {
    type: 'counter',
    help: 'Probes of credentials by what they found out: works, dead, limited, unsure.',
    labels: ['upstream', 'outcome'],
    unit: 'probes',
  },
  credentialflow_health_webhooks_total: {
    type: 'counter',
    help: 'Messages to health.webhook_url: delivered, failed (given up), dropped (too many waited).',
    labels: ['outcome'],
    unit: 'messages',
  },
  credentialflow_upstream_requests_total: {
    type: 'counter',
    help: 'Requests that the gateway sent on, by its log: class of the status of the last answer (none: there was none) and outcome (ok, refused, unauthorized, throttled, failed, no_answer, abandoned).',
    labels: ['upstream', 'credential', 'status', 'outcome'],
    unit: 'requests',
  },
  credentialflow_upstream_duration_seconds: {
    type: 'histogram',
    help: 'Time until the last byte of the answer of an upstream, as the gateway measured it.',
    labels: ['upstream', 'credential'],
    unit: 'seconds',
  },
  credentialflow_upstream_first_byte_seconds: {
    type: 'histogram',
    help: 'Time until the headers of the answer of an upstream, as the gateway measured it.',
    labels: ['upstream', 'credential'],
    unit: 'seconds',
  },
  credentialflow_upstream_request_bytes_total: {
    type: 'counter',
    help: 'Bytes of the requests that were sent on, on the side of the client, headers included.',
    labels: ['upstream', 'credential'],
    unit: 'bytes',
  },
  credentialflow_upstream_response_bytes_total: {
    type: 'counter',
    help: 'Bytes of the answers to them, on the side of the client, headers included.',
    labels: ['upstream', 'credential'],
    unit: 'bytes',
  },
  credentialflow_upstream_limit_remaining: {
    type: 'gauge',
    help: 'What an upstream last said is left of a limit (requests, tokens …) for a credential.',
    labels: ['upstream', 'credential', 'limit'],
    unit: 'headroom',
  },
  credentialflow_upstream_tokens_total: {
    type: 'counter',
    help: 'Tokens of language models, where the gateway counts them (ai-proxy); kind is prompt or completion.',
    labels: ['upstream', 'model', 'kind'],
    unit: 'tokens',
  },
  credentialflow_consumer_requests_total: {
    type: 'counter',
    help: 'Requests that were sent on, by consumer; with metrics.consumers only.',
    labels: ['consumer', 'status'],
    unit: 'requests',
  },
  credentialflow_consumer_tokens_total: {
    type: 'counter',
    help: 'Tokens of language models by consumer; with metrics.consumers only.',
    labels: ['consumer', 'kind'],
    unit: 'tokens',
  },
  credentialflow_log_entries_total: {
    type: 'counter',
    help: 'Access-log entries that the gateway posted to /api/logs: used, or why not (docs/observability.md).',
    labels: ['outcome'],
    unit: 'entries',
  },
  credentialflow_unpriced_requests_total: {
    type: 'counter',
    help: 'Requests that a budget of cost was charged for at the dearest price of their upstream, because no price fits their model; without prices at nothing.',
    labels: ['upstream'],
    unit: 'requests',
  },
  credentialflow_log_batches_total: {
    type: 'counter',
    help: 'Batches of them: taken, or refused for want of room (the gateway comes again).',
    labels: ['outcome'],
    unit: 'batches',
  },
  credentialflow_log_lag_seconds: {
    type: 'histogram',
    help: 'Time from the writing of an entry by the gateway to its reading here, by both clocks.',
    labels: [],
    unit: 'seconds',
  },
  credentialflow_log_queue_bytes: {
    type: 'gauge',
    help: 'Bytes of batches that wait to be read.',
    labels: [],
    unit: 'bytes',
  },
  credentialflow_log_joins_total: {
    type: 'counter',
    help: 'Searches for the consumer of a logged request: hit, or miss (another sidecar decided, or too long ago).',
    labels: ['outcome'],
    unit: 'joins',
  },
  credentialflow_audit_records_total: {
    type: 'counter',
    help: 'Audit records: written, or dropped (buffer full, sink failing).',
    labels: ['outcome'],
    unit: 'records',
  },
  credentialflow_admin_requests_total: {
    type: 'counter',
    help: 'Requests to the admin API.',
    labels: ['method', 'status'],
    unit: 'requests',
  },
  credentialflow_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'node'],
    unit: 'info',
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof metricDefinitions;
