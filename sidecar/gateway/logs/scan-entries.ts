/** Where an entry seems to be; what is in it, its reader judges. */
export interface EntrySpan {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * `broken`: here is something that is no entry, and it was passed over. `pause`: nothing was found yet, and the work was
 * not small.
 */
export type Scanned = EntrySpan | 'broken' | 'pause';

export interface ScanOptions {
  /** Longer entries are broken ones. */
  readonly maxEntryBytes: number;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const newline = 0x0a;
const space = 0x20;

/** Places looked at between two pauses. */
const candidatesBeforePause = 500;
/** Bytes that may be looked at in vain (a millisecond each mebibyte): what is broken on purpose must end, too. */
const maxWastedBytes = 4_194_304;

/**
 * Finds the entries of a batch without parsing it: objects, wherever they stand (alone, in an array, one a line). After
 * each span the caller says by `next(false)` that it was none; the search then begins again behind its first byte, so
 * that one bad entry (cut off, or with a quote too few) costs no other.
 */
export function* scanEntries(
  bytes: Uint8Array,
  { maxEntryBytes }: ScanOptions,
): Generator<Scanned, void, boolean | undefined> {
  let at = 0;
  let wasted = 0;
  let isClean = true;
  for (let candidates = 1; ; candidates++) {
    const start = bytes.indexOf(openBrace, at);
    if (isClean && !isSeparator(bytes, at, start < 0 ? bytes.length : start)) {
      isClean = false;
      yield 'broken';
    }
    if (start < 0) return;
    if (candidates % candidatesBeforePause === 0) yield 'pause';
    at = start + 1;
    // What follows a colon is a part of something that could not be read.
    if (!isClean && isValue(bytes, start)) continue;
    const end = endOfEntry(bytes, start, Math.min(bytes.length, start + maxEntryBytes));
    const isRead = end < 0 ? false : yield { start, end };
    if (isRead !== false) {
      at = end;
      isClean = true;
      continue;
    }
    if (isClean || end >= 0) yield 'broken';
    isClean = false;
    wasted += end < 0 ? Math.min(maxEntryBytes, bytes.length - start) : end - start;
    if (wasted > maxWastedBytes) return;
  }
}

/** Behind the brace that closes the one at `start`; -1: there is none. A string may hold no control character. */
function endOfEntry(bytes: Uint8Array, start: number, limit: number): number {
  let depth = 0;
  let inString = false;
  for (let i = start; i < limit; i++) {
    const byte = bytes[i] ?? 0;
    if (inString) {
      if (byte === quote) inString = false;
      else if (byte === backslash) i++;
      else if (byte < space) return -1;
    } else if (byte === quote) inString = true;
    else if (byte === openBrace || byte === openBracket) depth++;
    else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return i + 1;
  }
  return -1;
}

function isSeparator(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte > space && byte !== comma && byte !== openBracket && byte !== closeBracket) return false;
  }
  return true;
}

function isValue(bytes: Uint8Array, start: number): boolean {
  let i = start - 1;
  while (i >= 0 && (bytes[i] ?? 0) <= space && bytes[i] !== newline) i--;
  return bytes[i] === colon;
}
