import type { DenialCode } from './codes.ts';
import type { Decision, DecisionContext, Deliberation, Question } from './decision.ts';
import type { Validation } from './ports.ts';
import type { Secret } from './secret.ts';
import type { Snapshot } from './snapshot.ts';
import { authorize } from './steps/authorize.ts';
import { checkToken } from './steps/check-token.ts';
import { extractToken } from './steps/extract-token.ts';
import { findUpstream } from './steps/find-upstream.ts';
import { identifyGateway } from './steps/identify-gateway.ts';
import { inject } from './steps/inject.ts';
import { limit } from './steps/limit.ts';
import { readRequest } from './steps/read-request.ts';
import { selectCredential } from './steps/select-credential.ts';

/**
 * The decision for one request, in ten steps. Synchronous when the token is warm. Never throws and never rejects:
 * a fault is a denial with status 503.
 */
export function decide(question: Question, ctx: DecisionContext): Decision | Promise<Decision> {
  const snapshot = ctx.snapshot();
  const d = open(question, ctx, snapshot ?? nothingKnown);
  if (snapshot === undefined) return deny(d, ctx, 'not_ready', 1_000);
  const paused = ctx.pausedBy();
  if (paused !== undefined) return deny(d, ctx, paused, 1_000);
  try {
    const refused =
      identifyGateway(d, ctx) ?? // 1. the caller proves that it is a gateway
      readRequest(d) ?? //          2. what did the client ask for
      findUpstream(d, ctx); //      3. of which upstream, and on which of its paths
    if (refused !== undefined || d.upstream === undefined) return deny(d, ctx, refused ?? 'upstream_unknown');

    const extracted = extractToken(d, d.upstream); // 4. the one token
    if ('deny' in extracted) return deny(d, ctx, extracted.deny);

    const validation = validate(extracted.token, ctx); // 5. whose token is it
    return validation instanceof Promise
      ? validation.then(
          (facts) => concludeLater(d, ctx, facts),
          (error: unknown) => fault(d, ctx, error),
        )
      : conclude(d, ctx, validation);
  } catch (error) {
    return fault(d, ctx, error);
  }
}

function validate(token: string, ctx: DecisionContext): Validation | Promise<Validation> {
  for (const validator of ctx.validators) if (validator.accepts(token)) return validator.validate(token);
  return { deny: 'token_malformed' };
}

/** After an await the world may have moved: the rest is judged by the snapshot of now. */
function concludeLater(d: Deliberation, ctx: DecisionContext, validation: Validation): Decision | Promise<Decision> {
  try {
    d.snapshot = ctx.snapshot() ?? d.snapshot;
    d.upstream = undefined;
    const moved = findUpstream(d, ctx);
    return moved === undefined ? conclude(d, ctx, validation) : deny(d, ctx, moved);
  } catch (error) {
    return fault(d, ctx, error);
  }
}

function conclude(d: Deliberation, ctx: DecisionContext, validation: Validation): Decision | Promise<Decision> {
  const invalid = checkToken(d, validation);
  if (invalid !== undefined) {
    return deny(d, ctx, invalid, 'deny' in validation ? (validation.retryAfterMs ?? 0) : 0);
  }
  const { upstream, consumer } = d;
  if (upstream === undefined || consumer === undefined) return deny(d, ctx, 'internal_error');

  const refused =
    authorize(d, upstream, consumer) ?? //        6. deny rules, then allow rules
    selectCredential(d, upstream, ctx.health); // 7. the credential version to use
  if (refused !== undefined) return deny(d, ctx, refused);

  const headers = d.credential && inject(d, upstream, d.credential); // 8. the headers
  if (headers === undefined) return deny(d, ctx, 'credential_unavailable');

  // 9. what may be asked for so often; after all that can refuse, so that no denial uses anything up
  const limited = limit(d, upstream, consumer, ctx);
  return limited instanceof Promise
    ? limited.then(
        (code) => finish(d, ctx, headers, code),
        (error: unknown) => fault(d, ctx, error),
      )
    : finish(d, ctx, headers, limited);
}

function finish(
  d: Deliberation,
  ctx: DecisionContext,
  headers: Secret<readonly string[]>,
  limited: DenialCode | undefined,
): Decision {
  if (limited !== undefined) {
    // Nobody gets it.
    d.credential = undefined;
    return deny(d, ctx, limited, d.refusal?.retryAfterMs ?? 0);
  }
  const decision: Decision = { outcome: 'allow', headers, deliberation: d };
  ctx.record(decision); // 10. metrics and one audit event, never awaited
  return decision;
}

function deny(d: Deliberation, ctx: DecisionContext, code: DenialCode, retryAfterMs = 0): Decision {
  const decision: Decision = { outcome: 'deny', code, retryAfterMs, deliberation: d };
  ctx.record(decision);
  return decision;
}

function fault(d: Deliberation, ctx: DecisionContext, error: unknown): Decision {
  ctx.onFault(error, d.decisionId);
  return deny(d, ctx, 'internal_error', 1_000);
}

function open(question: Question, ctx: DecisionContext, snapshot: Snapshot): Deliberation {
  return {
    question,
    decisionId: ctx.newDecisionId(),
    nowMs: ctx.clock.now(),
    startedAt: ctx.clock.monotonic(),
    snapshot,
    gateway: undefined,
    upstream: undefined,
    method: '',
    requestId: '',
    target: '',
    path: undefined,
    consumer: undefined,
    consumerId: '',
    token: undefined,
    tokenId: '',
    scopes: undefined,
    policyId: '',
    refusal: undefined,
    shadow: undefined,
    credential: undefined,
  };
}

const nothingKnown: Snapshot = {
  storeId: '',
  epoch: 0,
  revision: 0,
  gatewaysByKey: new Map(),
  upstreams: new Map(),
  upstreamsByRoute: new Map(),
  credentialsByVersion: new Map(),
  consumers: new Map(),
  allGroupsOf: (groups) => groups,
  issuers: new Map(),
  revocations: new Map(),
  policiesBySubject: new Map(),
  hasConditions: false,
  problems: [],
};
