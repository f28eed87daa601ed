import type { Decision } from '../core/decision.ts';
import { redact } from '../core/redact.ts';
import { traceIdOf } from '../core/trace-id.ts';

const maxPathLength = 1_024;
const maxIdLength = 128;
const maxMethodLength = 32;

/** Hot path: a decision → one line of JSON, without a line break; empty fields are left out. `endedAt`: monotonic, ms. */
export type LineOf = (decision: Decision, endedAt: number) => string;

export function createLineWriter(): LineOf {
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

  return (decision, endedAt) => {
    const d = decision.deliberation;
    if (d.nowMs !== atMs) {
      atMs = d.nowMs;
      time = new Date(atMs).toISOString();
    }
    const traceparent = d.question.headers['traceparent'];
    return (
      `{"time":"${time}","event":"decision","decision":"${d.decisionId}"` +
      field('request_id', redact(d.requestId.slice(0, maxIdLength))) +
      (traceparent === undefined ? '' : field('trace_id', traceIdOf(traceparent) ?? '')) +
      (decision.outcome === 'allow' ? ',"outcome":"allow"' : `,"outcome":"deny"${code(decision.code)}`) +
      gateway(d.gateway?.id ?? '') +
      upstream(d.upstream?.id ?? '') +
      field('method', redact(d.method.slice(0, maxMethodLength))) +
      field('path', redact(withoutQuery(d.target.slice(0, maxPathLength)))) +
      consumer(d.consumerId) +
      token(d.tokenId) +
      policy(d.policyId) +
      credential(d.credential?.credentialId ?? '') +
      version(d.credential?.versionId ?? '') +
      `,"duration_us":${Math.round((endedAt - d.startedAt) * 1_000)}}`
    );
  };
}

/** Texts that one field keeps laid out; when there are more, it starts anew. */
const maxRepeated = 1_000;

/** A field whose few texts come again and again: laid out once each. */
function createRepeatedField(name: string): (text: string) => string {
  const laidOut = new Map<string, string>();
  // Most often it is the very text of the record before.
  let lastText = '';
  let last = '';
  return (text) => {
    if (text === lastText) return last;
    let found = laidOut.get(text);
    if (found === undefined) {
      if (laidOut.size >= maxRepeated) laidOut.clear();
      found = field(name, text);
      laidOut.set(text, found);
    }
    lastText = text;
    last = found;
    return found;
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

function withoutQuery(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
