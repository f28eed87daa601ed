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
  const code = createRepeatedField('code');
  const gateway = createRepeatedField('gateway');
  const upstream = createRepeatedField('upstream');
  const consumer = createRepeatedField('consumer');
  const token = createRepeatedField('token');
  const policy = createRepeatedField('policy');
  const credential = createRepeatedField('credential');
  const version = createRepeatedField('credential_version');

  return (record) => {
    if (record.atMs !== atMs) {
      atMs = record.atMs;
      time = new Date(atMs).toISOString();
    }
    const allowed = record.reason === 'allow';
    return (
      `{"time":"${time}","event":"decision","decision":"${record.decisionId}"` +
      field('request_id', redact(record.requestId)) +
      (record.traceparent === undefined ? '' : field('trace_id', traceIdOf(record.traceparent) ?? '')) +
      (allowed ? ',"outcome":"allow"' : `,"outcome":"deny"${code(record.reason)}`) +
      gateway(record.gateway) +
      upstream(record.upstream) +
      field('method', redact(record.method)) +
      field('path', redact(withoutQuery(record.target))) +
      consumer(record.consumer) +
      token(record.tokenId) +
      policy(record.policyId) +
      credential(record.credentialId) +
      version(record.credentialVersion) +
      `,"duration_us":${Math.round(record.durationMs * 1_000)}}`
    );
  };
}

/** Texts that one field keeps laid out; when there are more, it starts anew. */
const maxRepeated = 1_000;

/** A field whose few texts come again and again: laid out once each. */
function createRepeatedField(name: string): (text: string) => string {
  const laidOut = new Map<string, string>();
  return (text) => {
    const known = laidOut.get(text);
    if (known !== undefined) return known;
    if (laidOut.size >= maxRepeated) laidOut.clear();
    const fresh = field(name, text);
    laidOut.set(text, fresh);
    return fresh;
  };
}

function field(name: string, text: string): string {
  return text === '' ? '' : `,"${name}":${quoted(text)}`;
}

/** Characters that JSON takes as they are: nearly every id and path. The rest is left to JSON.stringify. */
const plain = /^[\w .:/@+=,;~%&$!*'()-]*$/;

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

function takeTraceparent(header: string | undefined): string | undefined {
  return header === undefined ? undefined : bounded(header, maxIdLength);
}

function withoutQuery(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
