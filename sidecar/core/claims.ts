/** How claims of a token become names: paths such as `resource_access.api.roles`, templates such as `ci-${repository}`. */

export type Claims = Readonly<Record<string, unknown>>;

/** Literal texts, and paths of claims between them. */
export type ClaimTemplate = readonly (string | { readonly path: readonly string[] })[];

/** More names of one kind are too many; one more than that is made, so that it shows. */
export const maxNames = 200;

/**
 * A dot separates; a backslash before it, or before another backslash, takes it literally (`https://acme\\.test/roles`).
 * Undefined: it is not a path.
 */
export function parseClaimPath(text: string): readonly string[] | undefined {
  const parts: string[] = [''];
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '\\') parts.push((parts.pop() ?? '') + (text[++at] ?? ''));
    else if (char === '.') parts.push('');
    else parts.push((parts.pop() ?? '') + char);
  }
  return parts.some((part) => part === '') || parts.length > 16 ? undefined : parts;
}

/** `text${path}text`; undefined: a brace is missing, or a path is none. */
export function parseClaimTemplate(text: string): ClaimTemplate | undefined {
  const template: (string | { readonly path: readonly string[] })[] = [];
  let rest = text;
  for (let start = rest.indexOf('${'); start >= 0; start = rest.indexOf('${')) {
    const end = rest.indexOf('}', start);
    const path = end < 0 ? undefined : parseClaimPath(rest.slice(start + 2, end));
    if (path === undefined) return undefined;
    if (start > 0) template.push(rest.slice(0, start));
    template.push({ path });
    rest = rest.slice(end + 1);
  }
  if (rest !== '') template.push(rest);
  return template;
}

/** Own members only, so that no path leads into a prototype. */
export function readClaim(claims: Claims, path: readonly string[]): unknown {
  let at: unknown = claims;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined;
    at = (at as Claims)[name];
  }
  return at;
}

/** Texts, numbers and truth values as text, a list as its entries; nothing else is a name. */
export function textsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.slice(0, maxNames + 1).flatMap((entry) => textOf(entry) ?? []);
  const text = textOf(value);
  return text === undefined ? [] : [text];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined;
}

/** Words between spaces (RFC 8693, section 4.2), or a list. */
export function wordsOf(value: unknown): readonly string[] {
  return typeof value === 'string' ? value.split(' ', maxNames + 1).filter((word) => word !== '') : textsOf(value);
}

/** All names that a template makes; none where a claim is missing. */
export function expandTemplate(
  template: ClaimTemplate,
  claims: Claims,
  write: (text: string) => string = (text) => text,
): readonly string[] {
  let names: readonly string[] = [''];
  for (const part of template) {
    const texts = typeof part === 'string' ? [part] : textsOf(readClaim(claims, part.path)).map(write);
    names = names.flatMap((name) => texts.map((text) => name + text)).slice(0, maxNames + 1);
  }
  return names;
}

/**
 * A claim as part of an id: what an id may not hold becomes `_` and two hex digits of each byte of its UTF-8. Two claims
 * never become the same text, so that nobody turns into somebody else by an unusual name (`acme/web`, `acme-web`).
 */
export function asIdPart(text: string): string {
  return text.replace(/[^a-z0-9.-]/gu, (char) =>
    utf8(char)
      .map((byte) => `_${byte.toString(16).padStart(2, '0')}`)
      .join(''),
  );
}

/** Half a surrogate pair keeps its number, unlike in UTF-8: else all of them would be one. */
function utf8(char: string): readonly number[] {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return [code];
  const tail = (shift: number): number => 0x80 | ((code >> shift) & 0x3f);
  if (code < 0x800) return [0xc0 | (code >> 6), tail(0)];
  if (code < 0x10000) return [0xe0 | (code >> 12), tail(6), tail(0)];
  return [0xf0 | (code >> 18), tail(12), tail(6), tail(0)];
}
