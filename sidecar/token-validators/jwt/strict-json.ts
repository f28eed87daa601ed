const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * One part of a token → its JSON object. Stricter than `JSON.parse`, because another reader of the same token could see
 * something else: base64url without padding or foreign characters, valid UTF-8, no member twice (RFC 7519, section 4).
 * Undefined: it is not that.
 */
export function decodeObject(part: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  try {
    const text = utf8.decode(Buffer.from(part, 'base64url'));
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && !hasRepeatedMember(text) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** `json` must be valid. At any depth. */
function hasRepeatedMember(json: string): boolean {
  /** The names of each object that is open; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let isName = false;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '"': {
        const end = endOfText(json, at);
        const names = open.at(-1);
        if (isName && names !== undefined) {
          const name = JSON.parse(json.slice(at, end + 1)) as string;
          if (names.has(name)) return true;
          names.add(name);
          isName = false;
        }
        at = end;
        break;
      }
      case '{':
        open.push(new Set());
        isName = true;
        break;
      case '[':
        open.push(undefined);
        isName = false;
        break;
      case '}':
      case ']':
        open.pop();
        isName = false;
        break;
      case ',':
        isName = open.at(-1) !== undefined;
        break;
      default:
    }
  }
  return false;
}

/** Of the quotation mark that closes the text which begins at `start`. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}
