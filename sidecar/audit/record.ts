import type { Decision } from '../core/decision.ts';
import { redact } from '../core/redact.ts';
import { traceIdOf } from '../core/trace-id.ts';
import { bounded } from './bounded.ts';

/** What is held of a decision until it is written: small plain strings, never the deliberation or a header's value. */
export interface DecisionRecord {
  readonly atMs: number;
  readonly decisionId: string;
  readonly requestId: string;
  readonly traceparent: string | undefined;
  /** `allow` or the code of the denial. */
  readonly reason: string;
  readonly gateway: string;
  readonly upstream: string;
  readonly method: string;
  /** With the query; cut off when the line is built. */
  readonly target: string;
  readonly consumer: string;
  readonly tokenId: string;
  readonly policyId: string;
  readonly credentialId: string;
  readonly credentialVersion: string;
  readonly durationMs: number;
}

const maxPathLength = 1_024;
const maxIdLength = 128;
const maxMethodLength = 32;

/** On the hot path: takes references, builds nothing. `endedAt`: monotonic, milliseconds. */
export function takeRecord(decision: Decision, endedAt: number): DecisionRecord {
  const d = decision.deliberation;
  return {
    atMs: d.nowMs,
    decisionId: d.decisionId,
    requestId: bounded(d.requestId, maxIdLength),
    traceparent: takeTraceparent(d.question.headers['traceparent']),
    reason: decision.outcome === 'allow' ? 'allow' : decision.code,
    gateway: d.gateway?.id ?? '',
    upstream: d.upstream?.id ?? '',
    method: bounded(d.method, maxMethodLength),
    target: bounded(d.target, maxPathLength),
    consumer: d.consumerId,
    tokenId: d.tokenId,
    policyId: d.policyId,
    credentialId: d.credential?.credentialId ?? '',
    credentialVersion: d.credential?.versionId ?? '',
    durationMs: endedAt - d.startedAt,
  };
}

/** Turns a record into one line, without a line break; empty fields are left out. */
export function createLineWriter(): (record: DecisionRecord) => string {
  // Records of the same millisecond share its text, which is a quarter of a line's cost.
  let atMs = NaN;
  let time = '';

  return (record) => {
    if (record.atMs !== atMs) {
      atMs = record.atMs;
      time = new Date(atMs).toISOString();
    }
    const allowed = record.reason === 'allow';
    return JSON.stringify({
      time,
      event: 'decision',
      decision: record.decisionId,
      request_id: filled(redact(record.requestId)),
      trace_id: traceIdOf(record.traceparent),
      outcome: allowed ? 'allow' : 'deny',
      code: allowed ? undefined : record.reason,
      gateway: filled(record.gateway),
      upstream: filled(record.upstream),
      method: filled(redact(record.method)),
      path: filled(redact(withoutQuery(record.target))),
      consumer: filled(record.consumer),
      token: filled(record.tokenId),
      policy: filled(record.policyId),
      credential: filled(record.credentialId),
      credential_version: filled(record.credentialVersion),
      duration_us: Math.round(record.durationMs * 1_000),
    });
  };
}

function takeTraceparent(header: string | undefined): string | undefined {
  return header === undefined ? undefined : bounded(header, maxIdLength);
}

function withoutQuery(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

function filled(text: string): string | undefined {
  return text === '' ? undefined : text;
}
