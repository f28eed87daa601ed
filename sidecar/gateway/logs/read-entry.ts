import { mostTokens } from '../../core/prices.ts';

/** One entry of the gateway's log, as `log_format` of apisix-conf/apisix.yaml lays it out. */
export interface LogEntry {
  /** Empty: the log does not say. */
  readonly requestId: string;
  readonly routeId: string;
  /** What `cfcredential` carried; of a request that was not sent on, whatever the client wrote. */
  readonly versionId: string;
  /** Wall clock, milliseconds. */
  readonly loggedAtMs: number | undefined;
  /** What the client got. */
  readonly clientStatus: number;
  /** Of the upstream's last answer; 0: it gave none; undefined: the request was not sent on. */
  readonly upstreamStatus: number | undefined;
  readonly durationMs: number | undefined;
  readonly headerMs: number | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number | undefined;
  readonly model: string | undefined;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  readonly limits: Readonly<Record<string, string>>;
}

/** What the client gets that left first (nginx's own status). */
export const clientClosedRequest = 499;

type Fields = Readonly<Record<string, unknown>>;

const maxTextLength = 200;
const maxLimits = 32;
const nothing: Fields = {};

/** Undefined: it is no entry. A field of an unknown shape is one that the log does not have. */
export function readEntry(value: unknown): LogEntry | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entry = value as Fields;
  const upstream = fieldsOf(entry['upstream']);
  const llm = fieldsOf(entry['llm']);
  const model = readText(llm['model']) || undefined;
  const clientStatus = readNumber(entry['status']) ?? 0;
  const seconds = readNumber(entry['ts']);
  return {
    requestId: readText(entry['request_id']),
    routeId: readText(entry['route_id']),
    versionId: readText(entry['credential']),
    loggedAtMs: seconds === undefined ? undefined : Math.round(seconds * 1_000),
    clientStatus,
    upstreamStatus: readUpstreamStatus(upstream) ?? (model === undefined ? undefined : sentByAiProxy(clientStatus)),
    durationMs: toMs(readNumber(upstream['response_time'])) ?? readNumber(llm['response_time_ms']),
    headerMs: toMs(readNumber(upstream['header_time'])) ?? readNumber(llm['first_token_ms']),
    requestBytes: readNumber(entry['request_length']),
    responseBytes: readNumber(entry['bytes_sent']),
    model,
    promptTokens: readTokens(llm['prompt_tokens']),
    completionTokens: readTokens(llm['completion_tokens']),
    limits: readLimits(entry['limits'], upstream),
  };
}

/**
 * nginx writes a status of its own (502, 504) for an upstream that did not answer, and `-` for the time until its
 * headers.
 */
function readUpstreamStatus(upstream: Fields): number | undefined {
  const status = upstream['status'];
  if (status === undefined || status === null || status === '') return undefined;
  const headerTime = upstream['header_time'];
  const isSilent = typeof headerTime === 'string' && lastOf(headerTime) === '-';
  return isSilent ? 0 : (readNumber(status) ?? 0);
}

/**
 * ai-proxy connects by itself, so that nginx knows no upstream and the client's status is the API's. The model is a variable
 * that it sets when it sends, and no header: a request that forward-auth refused has none.
 */
function sentByAiProxy(clientStatus: number): number {
  return clientStatus === clientClosedRequest ? 0 : clientStatus;
}

/** A number, a number as text, or the last one of several tries (`0.1, 0.2`, `0.1 : 0.2`); `-`: none. Never negative. */
function readNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' ? parseNumber(value) : value;
  return typeof number === 'number' && number >= 0 && number < Number.MAX_SAFE_INTEGER ? number : undefined;
}

/** The upstream's own words: with a part of one, or too many, the counters that sidecars share could not go on. */
function readTokens(value: unknown): number | undefined {
  const count = readNumber(value);
  return count === undefined ? undefined : Math.min(Math.ceil(count), mostTokens);
}

function parseNumber(text: string): number | undefined {
  const last = text.length > maxTextLength ? '' : lastOf(text);
  return last === '' || last === '-' ? undefined : Number(last);
}

function lastOf(text: string): string {
  const at = Math.max(text.lastIndexOf(','), text.lastIndexOf(':'));
  return (at < 0 ? text : text.slice(at + 1)).trim();
}

function readText(value: unknown): string {
  return typeof value === 'string' && value.length <= maxTextLength && value !== '-' ? value : '';
}

function readLimits(value: unknown, upstream: Fields): Readonly<Record<string, string>> {
  const limits: Record<string, string> = {};
  // As the routes that we shipped first lay them out.
  keepLimit(limits, 'retry-after', upstream['retry_after']);
  keepLimit(limits, 'x-ratelimit-remaining-requests', upstream['ratelimit_remaining_requests']);
  const named = fieldsOf(value);
  let count = 0;
  for (const name in named) if (++count <= maxLimits) keepLimit(limits, name.toLowerCase(), named[name]);
  return limits;
}

function keepLimit(limits: Record<string, string>, name: string, value: unknown): void {
  if (value === undefined) return;
  const text = typeof value === 'number' ? String(value) : readText(value);
  if (text !== '' && name.length <= maxTextLength) limits[name] = text;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : nothing;
}

const toMs = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : Math.round(seconds * 1_000);
