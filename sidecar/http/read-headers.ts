import type { Question } from '../core/decision.ts';

/** Flat list name, value, … as it came → what a decision reads; see {@link Question} for what that promises. */
export type ReadHeaders = (rawHeaders: readonly string[]) => Pick<Question, 'headers' | 'conflicting'>;

/**
 * What a gateway sends with nearly every question. Objects of one shape, whose fields are where the engine expects them,
 * are filled and read in a fraction of the time that a dictionary takes. Nothing is inherited (see below). The headers of
 * a body are not among them: node's server asks `in`, not for the value.
 */
class Headers {
  'host': string | undefined;
  'user-agent': string | undefined;
  'x-forwarded-proto': string | undefined;
  'x-forwarded-method': string | undefined;
  'x-forwarded-host': string | undefined;
  'x-forwarded-uri': string | undefined;
  'x-forwarded-for': string | undefined;
  'x-cf-gateway-key': string | undefined;
  'x-cf-route': string | undefined;
  'x-cf-request-id': string | undefined;
  'x-cf-raw-uri': string | undefined;
  'x-cf-upstream-uri': string | undefined;
  'authorization': string | undefined;
  'x-api-key': string | undefined;
  'api-key': string | undefined;
  'x-goog-api-key': string | undefined;
  'traceparent': string | undefined;
}
// A header called `constructor` or `toString` is a name like any other.
Reflect.deleteProperty(Headers.prototype, 'constructor');
Object.setPrototypeOf(Headers.prototype, null);

type AnyHeaders = Record<string, string | undefined>;

/** The names of an earlier question, as they came, and what each is in lower case; no name is in it twice. */
interface Layout {
  readonly raw: readonly string[];
  readonly lower: readonly string[];
}

const none: readonly string[] = [];
/** Gateways spell some twenty names, always alike and mostly in the same order; a stranger may not fill the memory. */
const maxNames = 256;
const maxNameLength = 64;

export function createHeaderReader(): ReadHeaders {
  const lowerNames = new Map<string, string>();
  let last: Layout | undefined;

  function lowerName(name: string): string {
    const known = lowerNames.get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    if (lowerNames.size < maxNames && name.length <= maxNameLength) lowerNames.set(name, lower);
    return lower;
  }

  /** Undefined: the names, or their order, are others than last time. */
  function readAlike(rawHeaders: readonly string[], { raw, lower }: Layout): AnyHeaders | undefined {
    if (rawHeaders.length !== 2 * raw.length) return undefined;
    for (let i = 0; i < raw.length; i++) if (rawHeaders[2 * i] !== raw[i]) return undefined;
    const headers = new Headers() as unknown as AnyHeaders;
    for (let i = 0; i < lower.length; i++) headers[lower[i] ?? ''] = rawHeaders[2 * i + 1];
    return headers;
  }

  return (rawHeaders) => {
    const alike = last && readAlike(rawHeaders, last);
    if (alike !== undefined) return { headers: alike, conflicting: none };
    const headers = new Headers() as unknown as AnyHeaders;
    const raw: string[] = [];
    const lower: string[] = [];
    let repeated = false;
    let conflicting: string[] | undefined;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const rawName = rawHeaders[i] ?? '';
      const name = lowerName(rawName);
      const value = rawHeaders[i + 1] ?? '';
      const first = headers[name];
      raw.push(rawName);
      lower.push(name);
      if (first === undefined) headers[name] = value;
      else {
        repeated = true;
        if (first !== value) (conflicting ??= []).push(name);
      }
    }
    if (!repeated && raw.length <= maxNames) last = { raw, lower };
    return { headers, conflicting: conflicting ?? none };
  };
}
