import type { Decision } from './decision.ts';
import { pathOf } from './path.ts';

/** What is remembered of a decision: enough to explain it and to judge it by other policies. No query, no secret. */
export interface DecisionRecord {
  readonly id: string;
  readonly atMs: number;
  /** `allow`, or the code of the denial. */
  readonly outcome: string;
  readonly requestId: string;
  readonly gateway: string;
  readonly upstream: string;
  readonly method: string;
  /** As it reached the upstream, prefix or base path included. */
  readonly path: string;
  /** Whether the path is one that the gateway rewrote: it starts with the base path then. */
  readonly rewritten: boolean;
  readonly consumer: string;
  readonly token: string;
  readonly scopes: readonly string[] | undefined;
  readonly policy: string;
  readonly credentialVersion: string;
  /** What conditions may read of the client's request: `x-forwarded-for`, `x-cf-arg-…`, listed headers. */
  readonly headers: Readonly<Record<string, string>>;
}

const maxPathLength = 1_024;
const maxTextLength = 128;

/** `headerNames`: of the question's headers, those to remember. */
export function recordOf(decision: Decision, headerNames: Iterable<string>): DecisionRecord {
  const d = decision.deliberation;
  const sent = d.question.headers;
  const headers: Record<string, string> = {};
  for (const name of headerNames) {
    const value = sent[name];
    if (value !== undefined) headers[name] = shortened(value, maxTextLength);
  }
  const rewritten = sent['x-cf-upstream-uri'];
  return {
    id: d.decisionId,
    atMs: d.nowMs,
    outcome: decision.outcome === 'allow' ? 'allow' : decision.code,
    requestId: shortened(d.requestId, maxTextLength),
    gateway: d.gateway?.id ?? '',
    upstream: d.upstream?.id ?? '',
    method: shortened(d.method, maxTextLength),
    path: shortened(pathOf(d.target), maxPathLength),
    rewritten: rewritten !== undefined && rewritten !== '',
    consumer: d.consumerId,
    token: d.tokenId,
    scopes: d.token?.policies,
    policy: d.policyId,
    credentialVersion: d.credential?.versionId ?? '',
    headers,
  };
}

/** A part of a text keeps the whole of it in memory; joined from its characters it does not. */
function shortened(text: string, most: number): string {
  return text.length <= most ? text : Array.from(text.slice(0, most)).join('');
}
