/**
 * Reads the path that the upstream receives. A path is refused unless it is its own normal form, because two readers
 * that disagree about a path (the gateway, the policy, the upstream) are how a policy is walked around. RFC 3986
 * section 6.2.2 names the forms; what servers add to it (`..;`, backslash, double encoding) is refused as well.
 */

export interface JudgedPath {
  /** Decoded once; a trailing slash is an empty last segment. `/` is no segment. */
  readonly segments: readonly string[];
  /** As a lenient server reads them: without `;parameters` and trailing slash. Same array where nothing differs. */
  readonly lenientSegments: readonly string[];
}

// Control characters, space, DEL and the characters that no URI may carry raw; the bytes over 0x7f pass (facts, 1).
// eslint-disable-next-line no-control-regex
const forbiddenRaw = /[\u0000-\u0020\u007f\\"<>^`{|}#?]/;
// A decoded segment must hold none of these: a second reader could split or cut the path at them.
// eslint-disable-next-line no-control-regex
const forbiddenDecoded = /[\u0000-\u001f\u007f\\?#]/;
// What a second decoding would decode again.
const encodedAgain = /%[0-9A-Fa-f]{2}/;

/** The part of a request target before `?`. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** The part of a request target after `?`, empty where there is none. */
export function queryOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? '' : target.slice(query + 1);
}

/** Undefined: the path is ambiguous. `encodedSlashes`: `%2F` stays inside its segment instead of being refused. */
export function readPath(path: string, encodedSlashes: boolean): JudgedPath | undefined {
  if (!path.startsWith('/') || forbiddenRaw.test(path)) return undefined;
  if (path === '/') return { segments: [], lenientSegments: [] };
  const segments = path.slice(1).split('/');
  // Most paths have neither escapes nor parameters: looked for once, not in each segment.
  const escapes = path.includes('%');
  const parameters = escapes || path.includes(';');
  let lenient = false;
  for (let i = 0; i < segments.length; i++) {
    const raw = segments[i] ?? '';
    const last = i === segments.length - 1;
    if (raw === '') {
      if (!last) return undefined;
      lenient = true;
      break;
    }
    const segment = escapes && raw.includes('%') ? decodeSegment(raw, encodedSlashes) : raw;
    if (segment === undefined) return undefined;
    const semicolon = parameters ? segment.indexOf(';') : -1;
    const name = semicolon < 0 ? segment : segment.slice(0, semicolon);
    if (name === '.' || name === '..') return undefined;
    if (semicolon >= 0) lenient = true;
    segments[i] = segment;
  }
  return { segments, lenientSegments: lenient ? readLeniently(segments) : segments };
}

/** The segments after `prefix`; undefined where they do not start with it. */
export function withoutPrefix(segments: readonly string[], prefix: readonly string[]): readonly string[] | undefined {
  if (prefix.length === 0) return segments;
  if (segments.length < prefix.length) return undefined;
  for (let i = 0; i < prefix.length; i++) if (segments[i] !== prefix[i]) return undefined;
  return segments.slice(prefix.length);
}

function decodeSegment(raw: string, encodedSlashes: boolean): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    return undefined;
  }
  if (forbiddenDecoded.test(decoded) || encodedAgain.test(decoded)) return undefined;
  if (!encodedSlashes && decoded.includes('/')) return undefined;
  // `%2F..%2F` inside one segment would become dot segments for a server that decodes before it splits.
  if (decoded.includes('/') && decoded.split('/').some((part) => part === '' || /^\.{1,2}(?:;|$)/.test(part))) {
    return undefined;
  }
  return decoded;
}

function readLeniently(segments: readonly string[]): readonly string[] {
  const named = segments.map((segment) => {
    const semicolon = segment.indexOf(';');
    return semicolon < 0 ? segment : segment.slice(0, semicolon);
  });
  return named[named.length - 1] === '' ? named.slice(0, -1) : named;
}
