import { LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Document, Pair, ParsedNode, YAMLError, YAMLMap } from 'yaml';
import type { Problem } from '../core/error.ts';

/** 1-based, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlDocument {
  /** Plain data; undefined for an empty document. */
  readonly value: unknown;
  /** Where the value (or the key) at `path` stands; the nearest enclosing node where it is not there itself. */
  /** `within`: characters into the text that stands there. */
  locate(path: readonly PropertyKey[], what?: 'key' | 'value', within?: number): Position | undefined;
}

/** How often anchors may be expanded in one document: bounds what an alias bomb costs. */
const maxAliasCount = 1_000;

/**
 * Reads YAML 1.2 (and so JSON). Never throws; what could not be read is missing from `documents`.
 * `mergeKeys`: `<<` takes in another map, as in YAML 1.1 (the gateway's own files may have it); default false.
 */
export function readYaml(
  text: string,
  file: string,
  { mergeKeys = false }: { readonly mergeKeys?: boolean } = {},
): { readonly documents: readonly YamlDocument[]; readonly problems: readonly Problem[] } {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const documents: YamlDocument[] = [];
  let parsed: readonly Document.Parsed[];
  try {
    parsed = [
      ...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, version: '1.2', merge: mergeKeys }),
    ];
  } catch {
    // Nesting so deep that the parser runs out of stack.
    return { documents, problems: [{ severity: 'error', message: 'the file is nested too deeply', file }] };
  }
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const report = (severity: Problem['severity'], { message, pos }: YAMLError): void => {
    problems.push({ severity, message: `YAML: ${withoutSource(message)}`, file, ...positionOf(pos[0]) });
  };
  for (const document of parsed) {
    for (const error of document.errors) report('error', error);
    // An unknown tag changes what a value means, so it is not a mere warning here.
    for (const warning of document.warnings) report('error', warning);
    if (document.errors.length > 0 || document.contents === null) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount });
      if (value === null) continue;
      documents.push({
        value,
        locate: (path, what = 'value', within) => {
          const offset = offsetOf(document, path, what);
          if (offset === undefined) return undefined;
          return positionOf(within === undefined ? offset : offsetWithin(text, offset, document.getIn(path), within));
        },
      });
    } catch {
      problems.push({ severity: 'error', message: 'YAML: aliases are nested or repeated too often', file });
    }
  }
  return { documents, problems };
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], what: 'key' | 'value'): number | undefined {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [depth, part] of path.entries()) {
    const resolved: unknown = isAlias(node) ? node.resolve(document) : node;
    let key: unknown;
    let value: unknown;
    if (isMap(resolved)) {
      const pair = findPair(document, resolved, part);
      if (pair !== undefined) ({ key, value } = pair);
    } else if (isSeq(resolved) && typeof part === 'number') {
      value = resolved.items[part];
    }
    const wantsKey = what === 'key' && depth === path.length - 1;
    const found = startOf(wantsKey ? (key ?? value) : value) ?? startOf(key);
    if (found === undefined) return offset;
    offset = found;
    node = value;
  }
  return offset;
}

/** The pair of this key, also where a merge key brings it. */
function findPair(document: Document.Parsed, map: YAMLMap, wanted: PropertyKey): Pair | undefined {
  const keyOf = ({ key }: Pair): unknown => (isScalar(key) ? key.value : key);
  const own = map.items.find((item) => keyOf(item) === wanted);
  if (own !== undefined) return own;
  for (const item of map.items) {
    if (keyOf(item) !== '<<' && typeof keyOf(item) !== 'symbol') continue;
    const merged: unknown = isAlias(item.value) ? item.value.resolve(document) : item.value;
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const target: unknown = isAlias(source) ? source.resolve(document) : source;
      const found = isMap(target) ? findPair(document, target, wanted) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as ParsedNode).range[0] : undefined;
}

/**
 * Where a character of a text stands in the file. Quotes, escapes, folds and indentation lie between the two, so the
 * characters that are no white space are looked for one after the other.
 */
function offsetWithin(source: string, start: number, value: unknown, within: number): number {
  if (typeof value !== 'string') return start;
  const block = /^[|>][^\n]*\n/.exec(source.slice(start, start + 100));
  let at = start + (block?.[0].length ?? (/^["']/.test(source.slice(start, start + 1)) ? 1 : 0));
  for (const character of value.slice(0, within)) {
    if (/\s/.test(character)) continue;
    const found = source.indexOf(character, at);
    if (found < 0) return start;
    at = found + character.length;
  }
  while (/\s/.test(source.charAt(at))) at++;
  return at;
}

/** The parser ends some messages with the offending text, which may be a secret. */
function withoutSource(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/(?<=\w): .*$/s, '');
}
