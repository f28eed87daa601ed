import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RecentDecisions } from '../audit/recent.ts';
import type { Config } from '../config/config.ts';
import { denialTable, type DenialCode } from '../core/codes.ts';
import type { DecisionRecord } from '../core/decision-record.ts';
import type { DecisionContext } from '../core/decision.ts';
import type { LimitView } from '../core/limit.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Store } from '../core/ports.ts';
import type { ExplainRequest, Explanations } from '../http/admin/ports.ts';
import type { PolicyCompiling } from '../policies/compile.ts';
import { isConditionHeader } from '../policies/condition-names.ts';
import { explain, type Asked, type ExplainDeps, type Explanation } from '../policies/explainer.ts';

export interface ExplanationsDeps {
  readonly store: Store;
  readonly context: DecisionContext;
  readonly limits: LimitView;
  readonly policies: PolicyCompiling;
  readonly recent: RecentDecisions;
}

/** Answers "why?", from the snapshot of now. */
export function createExplanations(config: Config, deps: ExplanationsDeps): Explanations {
  const { store, context, limits, policies, recent } = deps;

  function explaining(): ExplainDeps {
    const snapshot = context.snapshot();
    if (snapshot === undefined) throw new CredentialFlowError('store_failed', 'there is no snapshot yet');
    const { validators, stateAgeMs, health } = context;
    const placeOf = (id: string): Promise<string | undefined> => findPolicy(id, store, config.resources.files);
    return { snapshot, policies, validators, stateAgeMs, health, limits, placeOf };
  }

  return {
    isReadable: isConditionHeader,
    explain: async (request) => show(await explain(askedOf(request, context.clock.now()), explaining())),
    async explainDecision(id) {
      const record = recent.find(id);
      if (record === undefined) {
        throw new CredentialFlowError('not_found', 'the decision is not among the last ones of this sidecar');
      }
      const then = showRecord(record);
      // Before its consumer was known there is nothing that policies of now could say otherwise.
      if (record.consumer === '') return { then, fix: fixOf(record.outcome) };
      const asked = replay(record);
      if (asked === undefined)
        return { then, fix: 'the groups of its token were too many to remember: explain the token' };
      return { then, now: show(await explain(asked, explaining())) };
    },
    decisions: (limit) => recent.list(limit).map(showRecord),
  };
}

function askedOf(request: ExplainRequest, nowMs: number): Asked {
  const { upstream, uri, upstreamUri, gateway, atMs = nowMs, token, consumer, scopes } = request;
  const who = token === undefined ? { consumer: consumer ?? '', scopes } : { token: token.reveal() };
  return {
    upstream,
    method: request.method,
    uri,
    upstreamUri,
    gateway,
    headers: request.headers,
    nowMs: atMs,
    limited: request.atMs === undefined,
    who,
  };
}

/** Undefined: not all is remembered. */
function replay(record: DecisionRecord): Asked | undefined {
  const { upstream, method, path, rewritten, gateway, headers, consumer, token, scopes, issued } = record;
  const who = { consumer, tokenId: token, scopes };
  const groups = issued?.groups;
  if (issued !== undefined && groups === undefined) return undefined;
  return {
    upstream,
    method,
    uri: path,
    upstreamUri: rewritten ? path : undefined,
    gateway,
    headers,
    nowMs: record.atMs,
    who: issued === undefined || groups === undefined ? who : { ...who, issued: { ...issued, groups } },
  };
}

function show(explanation: Explanation): Readonly<Record<string, unknown>> {
  const { outcome, status, message, steps, decidedBy, policies, morePolicies, limits, credential, shadow, toAllow } =
    explanation;
  return {
    outcome: outcome === 'allow' ? 'allow' : 'deny',
    ...(outcome === 'allow' ? {} : { code: outcome }),
    status,
    message,
    decided_by: decidedBy ?? null,
    to_allow: toAllow,
    steps,
    policies,
    more_policies: morePolicies,
    limits,
    credential: credential ?? null,
    shadow: shadow ?? null,
  };
}

function showRecord(record: DecisionRecord): Readonly<Record<string, unknown>> {
  return {
    decision: record.id,
    time: new Date(record.atMs).toISOString(),
    outcome: record.outcome === 'allow' ? 'allow' : 'deny',
    ...(record.outcome === 'allow' ? {} : { code: record.outcome }),
    request_id: record.requestId,
    gateway: record.gateway,
    upstream: record.upstream,
    method: record.method,
    path: record.path,
    rewritten: record.rewritten,
    consumer: record.consumer,
    token: record.token,
    scopes: record.scopes ?? null,
    ...(record.issued === undefined
      ? {}
      : {
          issuer: record.issued.issuer,
          token_groups: record.issued.groups ?? null,
          token_scopes: record.issued.scopes,
        }),
    policy: record.policy,
    credential_version: record.credentialVersion,
    headers: record.headers,
  };
}

function fixOf(outcome: string): string {
  return outcome in denialTable ? denialTable[outcome as DenialCode].fix : '';
}

/** `resources.yaml:12` of what a file owns, where this sidecar can read the file; else who owns it. */
async function findPolicy(id: string, store: Store, files: readonly string[]): Promise<string | undefined> {
  const owner = (await store.getResource('policy', id).catch(() => undefined))?.owner;
  if (owner === undefined) return undefined;
  const source = owner.startsWith('file:') ? owner.slice('file:'.length) : undefined;
  const file = files.find((path) => basename(path) === source);
  if (source === undefined || file === undefined) return source ?? owner;
  const line = lineOf(id, await readFile(file, 'utf8').catch(() => ''));
  return line === undefined ? source : `${source}:${line}`;
}

/** By its lines: parsing a large file would hold up decisions. */
function lineOf(id: string, text: string): number | undefined {
  const named = new RegExp(`(?:^|[\\s{,-])["']?id["']?:\\s*["']?${id.replaceAll('.', '\\.')}["']?\\s*(?:[,}#]|$)`);
  let section = '';
  for (const [at, line] of text.split('\n').entries()) {
    section = /^["']?(\w+)["']?:/.exec(line)?.[1] ?? section;
    if (section === 'policies' && named.test(line)) return at + 1;
  }
  return undefined;
}
