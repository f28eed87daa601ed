import type { Decision } from '../core/decision.ts';
import { pathOf } from '../core/path.ts';
import { redact } from '../core/redact.ts';
import { traceIdOf } from '../core/trace-id.ts';
import { copied } from './bounded.ts';

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
  const method = createRepeatedField('method', (text) => redact(text.slice(0, maxMethodLength)));
  const path = createRepeatedField('path', redact);

  return (decision, endedAt) => {
    const d = decision.deliberation;
    if (d.nowMs !== atMs) {
      atMs = d.nowMs;
      time = new Date(atMs).toISOString();
    }
    const traceparent = d.question.headers['traceparent'];
    return (
      `{"time":"${time}","event":"decision","decision":"${d.decisionId}"` +
      (hexId.test(d.requestId)
        ? `,"request_id":"${d.requestId}"`
        : field('request_id', redact(d.requestId.slice(0, maxIdLength)))) +
      (traceparent === undefined ? '' : field('trace_id', traceIdOf(traceparent) ?? '')) +
      (decision.outcome === 'allow' ? ',"outcome":"allow"' : `,"outcome":"deny"${code(decision.code)}`) +
      gateway(d.gateway?.id ?? '') +
      upstream(d.upstream?.id ?? '') +
      method(d.method) +
      path(pathOf(d.target).slice(0, maxPathLength)) +
      consumer(d.consumerId) +
      token(d.tokenId) +
      policy(d.policyId) +
      credential(d.credential?.credentialId ?? '') +
      version(d.credential?.versionId ?? '') +
      `,"duration_us":${Math.round((endedAt - d.startedAt) * 1_000)}}`
    );
  };
}

/** What gateways make: nothing in it to cut out, nothing to escape. */
const hexId = /^[0-9a-f-]{1,64}$/;

/** Texts that one field keeps laid out; when there are more, it starts anew. */
const maxRepeated = 1_000;
/** A longer one is laid out each time. */
const maxRepeatedLength = 256;

/**
 * A field whose few texts come again and again: laid out once each. `clean`, for what a client wrote: the part of it that
 * may be written.
 */
function createRepeatedField(name: string, clean?: (text: string) => string): (text: string) => string {
  const laidOut = new Map<string, string>();
  // Most often it is the very text of the record before.
  let lastText = '';
  let last = '';

  function layOut(text: string): string {
    const written = clean === undefined ? text : clean(text);
    const laid = field(name, written);
    const kept = clean === undefined ? text : copied(text);
    // What had to be cut out is not kept either.
    if (written !== text || kept !== text || text.length > maxRepeatedLength) return laid;
    if (laidOut.size >= maxRepeated) laidOut.clear();
    laidOut.set(kept, laid);
    lastText = text;
    last = laid;
    return laid;
  }

  return (text) => {
    if (text === lastText) return last;
    const known = laidOut.get(text);
    if (known === undefined) return layOut(text);
    lastText = text;
    last = known;
    return known;
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
