/** Until when an answer asks not to be asked again: headers of HTTP itself, of OpenAI and Azure, of Anthropic, of the IETF draft. */

const secondMs = 1_000;
/** What is told is believed within these bounds. */
const minPauseMs = 500;
const maxPauseMs = 86_400_000;

type Headers = Readonly<Record<string, string | undefined>>;

/** Wall clock, milliseconds; undefined: it does not say. `headers`: lower-case names. */
export function readPause(headers: Headers, nowMs: number): number | undefined {
  const told = askedFor(headers, nowMs);
  if (told === undefined || !Number.isFinite(told)) return undefined;
  return nowMs + Math.min(Math.max(told, minPauseMs), maxPauseMs);
}

/** Milliseconds from now. */
function askedFor(headers: Headers, nowMs: number): number | undefined {
  return (
    numberOf(headers['retry-after-ms']) ??
    readRetryAfter(headers['retry-after'], nowMs) ??
    readResets(headers, nowMs) ??
    readDraft(headers['ratelimit'])
  );
}

/** RFC 9110, section 10.2.3: seconds or a date. */
function readRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds = numberOf(value);
  return seconds === undefined ? untilDate(value, nowMs) : seconds * secondMs;
}

/**
 * `x-ratelimit-reset-requests: 6m0s`, `anthropic-ratelimit-tokens-reset: 2026-…Z`. A reset says nothing while something
 * of its limit is left; of several that are used up, the last one counts.
 */
function readResets(headers: Headers, nowMs: number): number | undefined {
  let longest: number | undefined;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !/ratelimit.*reset/.test(name)) continue;
    if (numberOf(headers[name.replace('reset', 'remaining')]) !== 0) continue;
    const ms = readDuration(value) ?? untilDate(value, nowMs);
    if (ms !== undefined) longest = Math.max(longest ?? 0, ms);
  }
  return longest;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: secondMs, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `6m0s`, `1.5s`, `20ms`; a bare number is seconds. */
function readDuration(value: string): number | undefined {
  const bare = numberOf(value);
  if (bare !== undefined) return bare * secondMs;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (units[unit ?? ''] ?? 0);
  }
  return total;
}

/** draft-ietf-httpapi-ratelimit-headers: `"default";r=0;t=30`, before `limit=10, remaining=0, reset=30`. */
function readDraft(value: string | undefined): number | undefined {
  if (value === undefined || !/\b(r|remaining)=0\b/.test(value)) return undefined;
  const seconds = /\b(?:t|reset)=(\d{1,9})\b/.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * secondMs;
}

function untilDate(value: string, nowMs: number): number | undefined {
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at - nowMs;
}

/** A number and nothing else; of several answers (`5, 7`: the gateway asked again) the last one's. */
function numberOf(value: string | undefined): number | undefined {
  const last = value?.slice(value.lastIndexOf(',') + 1).trim();
  return last !== undefined && /^\d+(\.\d+)?$/.test(last) ? Number(last) : undefined;
}
