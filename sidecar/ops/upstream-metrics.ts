import type { Registry } from 'prom-client';
import type { LoggedRequest } from '../core/ports.ts';
import { createBusiest } from './busiest.ts';
import { createDistribution, upstreamBounds, type Distribution } from './buckets.ts';
import { beyondBound, createCells, type Cells } from './cells.ts';
import { counter, exposeHistogram, gauge } from './expose.ts';
import { createRemaining, type Remaining } from './limit-headers.ts';

export interface UpstreamMetricsOptions {
  /** Pairs of upstream and credential that are kept apart. */
  readonly maxCredentials: number;
  /** Consumers that are kept apart, the busiest ones. */
  readonly maxConsumers: number;
}

/** All that is known of one credential's requests. */
interface CredentialFigures {
  readonly labels: { readonly upstream: string; readonly credential: string };
  /** By outcome and class of status. */
  readonly requests: Cells;
  readonly duration: Distribution;
  readonly firstByte: Distribution;
  readonly limits: Map<string, { value: number; atMs: number }>;
  requestBytes: number;
  responseBytes: number;
}

/** Models of one upstream that are kept apart; what a client writes into a request may end here. */
const maxModels = 50;
const maxLimits = 10;
const modelPattern = /^[\w.:@/-]{1,64}$/;

/** What the gateway's log tells of the upstreams, as metrics; the rest beyond the bounds counts as `other`. */
export function createUpstreamMetrics(
  registry: Registry,
  { maxCredentials, maxConsumers }: UpstreamMetricsOptions,
): (requests: readonly LoggedRequest[]) => void {
  const byUpstream = new Map<string, Map<string, CredentialFigures>>();
  const all: CredentialFigures[] = [];
  let others: CredentialFigures | undefined;
  const tokens = { prompt: createCells(maxCredentials, maxModels), completion: createCells(maxCredentials, maxModels) };
  const remainingOf = createRemaining();
  // One more, for the rest.
  const consumerRequests = createCells(maxConsumers + 1);
  const consumerTokens = createCells(maxConsumers + 1);
  const consumers = createBusiest(maxConsumers, (consumer) => {
    consumerRequests.remove(consumer);
    consumerTokens.remove(consumer);
  });

  function figuresOf(upstream: string, credential: string): CredentialFigures {
    const known = byUpstream.get(upstream)?.get(credential);
    if (known !== undefined) return known;
    if (all.length >= maxCredentials) return (others ??= keep(beyondBound, beyondBound));
    const figures = keep(upstream, credential);
    const row = byUpstream.get(upstream);
    if (row === undefined) byUpstream.set(upstream, new Map([[credential, figures]]));
    else row.set(credential, figures);
    return figures;
  }

  function keep(upstream: string, credential: string): CredentialFigures {
    const figures: CredentialFigures = {
      // A server that needs no secret has no credential, either.
      labels: { upstream, credential: credential === '' ? 'none' : credential },
      requests: createCells(10),
      duration: createDistribution(upstreamBounds),
      firstByte: createDistribution(upstreamBounds),
      limits: new Map(),
      requestBytes: 0,
      responseBytes: 0,
    };
    all.push(figures);
    return figures;
  }

  function record(request: LoggedRequest): void {
    const figures = figuresOf(request.upstreamId, request.credentialId);
    const status = classOf(request.status);
    figures.requests.add(outcomeOf(request), status);
    if (request.durationMs !== undefined) figures.duration.observe(request.durationMs / 1_000);
    if (request.headerMs !== undefined) figures.firstByte.observe(request.headerMs / 1_000);
    figures.requestBytes += request.requestBytes ?? 0;
    figures.responseBytes += request.responseBytes ?? 0;
    recordLimits(figures, request, remainingOf);
    const consumer = request.consumerId === undefined ? undefined : consumers.labelOf(request.consumerId);
    recordTokens(request, consumer);
    if (consumer !== undefined) consumerRequests.add(consumer, status);
  }

  function recordTokens(request: LoggedRequest, consumer: string | undefined): void {
    const { upstreamId, model, promptTokens, completionTokens, status } = request;
    if (promptTokens === undefined && completionTokens === undefined) return;
    // A name that the upstream did not answer to is only something that a client made up.
    const known = model !== undefined && status < 300 && modelPattern.test(model) ? model : beyondBound;
    tokens.prompt.add(upstreamId, known, promptTokens ?? 0);
    tokens.completion.add(upstreamId, known, completionTokens ?? 0);
    if (consumer === undefined) return;
    consumerTokens.add(consumer, 'prompt', promptTokens ?? 0);
    consumerTokens.add(consumer, 'completion', completionTokens ?? 0);
  }

  counter(registry, 'credentialflow_upstream_requests_total', (total) => {
    for (const { labels, requests } of all) {
      for (const [outcome, status, count] of requests.entries()) total.inc({ ...labels, status, outcome }, count);
    }
  });
  exposeHistogram(registry, 'credentialflow_upstream_duration_seconds', (name) =>
    all.flatMap(({ labels, duration }) => duration.values(name, labels)),
  );
  exposeHistogram(registry, 'credentialflow_upstream_first_byte_seconds', (name) =>
    all.flatMap(({ labels, firstByte }) => firstByte.values(name, labels)),
  );
  counter(registry, 'credentialflow_upstream_request_bytes_total', (total) => {
    for (const { labels, requestBytes } of all) total.inc(labels, requestBytes);
  });
  counter(registry, 'credentialflow_upstream_response_bytes_total', (total) => {
    for (const { labels, responseBytes } of all) total.inc(labels, responseBytes);
  });
  gauge(registry, 'credentialflow_upstream_limit_remaining', (remaining) => {
    for (const { labels, limits } of all) {
      for (const [limit, { value }] of limits) remaining.set({ ...labels, limit }, value);
    }
  });
  counter(registry, 'credentialflow_upstream_tokens_total', (total) => {
    for (const kind of ['prompt', 'completion'] as const) {
      for (const [upstream, model, count] of tokens[kind].entries()) total.inc({ upstream, model, kind }, count);
    }
  });
  counter(registry, 'credentialflow_consumer_requests_total', (total) => {
    for (const [consumer, status, count] of consumerRequests.entries()) total.inc({ consumer, status }, count);
  });
  counter(registry, 'credentialflow_consumer_tokens_total', (total) => {
    for (const [consumer, kind, count] of consumerTokens.entries()) total.inc({ consumer, kind }, count);
  });

  return (requests) => {
    for (const request of requests) record(request);
  };
}

/** Entries come in any order: the newest says what is left. */
function recordLimits({ limits }: CredentialFigures, { limits: headers, atMs }: LoggedRequest, of: Remaining): void {
  for (const header in headers) {
    for (const [limit, value] of of(header, headers[header] ?? '')) {
      const known = limits.get(limit);
      if (known === undefined) {
        if (limits.size < maxLimits) limits.set(limit, { value, atMs });
      } else if (atMs >= known.atMs) {
        known.value = value;
        known.atMs = atMs;
      }
    }
  }
}

const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

function classOf(status: number): string {
  return status === 0 ? 'none' : (classes[Math.floor(status / 100) - 1] ?? beyondBound);
}

function outcomeOf({ status, abandoned }: LoggedRequest): string {
  if (abandoned) return 'abandoned';
  if (status === 0) return 'no_answer';
  if (status < 400) return 'ok';
  if (status === 429) return 'throttled';
  if (status === 401 || status === 403) return 'unauthorized';
  return status < 500 ? 'refused' : 'failed';
}
