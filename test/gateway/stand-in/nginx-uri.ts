/** How nginx reads a request target. Strings hold bytes (latin1), as node:http gives them. */

export interface ParsedTarget {
  /** The authority of an absolute-form target (`GET http://evil.com/ HTTP/1.1`). */
  readonly authority: string | undefined;
  /** Path and query as they came: `$real_request_uri`. */
  readonly raw: string;
  /** `$uri`: decoded once, slashes merged, dot segments resolved. */
  readonly uri: string;
  /** `$args`; undefined without a question mark. */
  readonly args: string | undefined;
}

/** Undefined: nginx answers 400. */
export function parseTarget(target: string): ParsedTarget | undefined {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  const raw = absolute === null ? target : (absolute[2] ?? '') || '/';
  if (!raw.startsWith('/')) return undefined;
  const end = raw.search(/[?#]/);
  const path = end < 0 ? raw : raw.slice(0, end);
  const args = end >= 0 && raw[end] === '?' ? (raw.slice(end + 1).split('#')[0] ?? '') : undefined;
  const decoded = decodePath(path);
  const uri = decoded === undefined ? undefined : resolveSegments(decoded);
  return uri === undefined ? undefined : { authority: absolute?.[1], raw, uri, args };
}

/** `%2F` and `%2e` count as the slash and the dot they stand for; `%00` and a broken escape are refused. */
function decodePath(path: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(path) || path.includes('%00')) return undefined;
  return path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function resolveSegments(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.pop() === undefined) return undefined;
  }
  const last = segments.at(-1) ?? '';
  const isFolder = kept.length > 0 && (last === '' || last === '.' || last === '..');
  return `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

/** nginx's escaping of a URI for an upstream: what no request line may carry, and every byte over 0x7f. */
export function escapeUri(uri: string): string {
  // eslint-disable-next-line no-control-regex
  return uri.replaceAll(/[\u0000-\u0020"#%<>?\\^`{|}\u007f-\u00ff]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
