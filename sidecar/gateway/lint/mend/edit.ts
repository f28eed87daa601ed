import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node, Pair, Range, YAMLMap, YAMLSeq } from 'yaml';
import type { Mend } from '../rule.ts';

export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** What to change in the text for a mend; undefined: it cannot be done without a rewrite of more than its place. */
export function editOf(
  text: string,
  documents: readonly Document[],
  mend: Exclude<Mend, { op: 'append' }>,
): TextEdit | undefined {
  const document = documents[mend.spot.index];
  if (document === undefined) return undefined;
  const json = /^\s*[{[]/.test(text);
  const { path } = mend.spot;
  if (mend.op === 'remove') return removal(text, nodeAt(document, path.slice(0, -1)), Number(path.at(-1)));
  const node = nodeAt(document, path);
  if (mend.op === 'add') {
    return isSeq(node)
      ? addition(text, node, mend.values, json)
      : node === undefined
        ? insertion(text, document, path, flowList(mend.values, json), json)
        : undefined;
  }
  if (node === undefined) return insertion(text, document, path, written(mend.value, json), json);
  const range = rangeOf(node);
  if (!isScalar(node) || range === undefined) return undefined;
  return { start: range[0], end: range[1], replacement: written(mend.value, json) };
}

function nodeAt(document: Document, path: readonly PropertyKey[]): Node | undefined {
  let node: unknown = document.contents;
  for (const key of path) {
    const target = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) node = pairOf(document, target, key)?.value;
    else if (isSeq(target) && typeof key === 'number') node = target.items[key];
    else return undefined;
  }
  const target: unknown = isAlias(node) ? node.resolve(document) : node;
  return isMap(target) || isSeq(target) || isScalar(target) ? target : undefined;
}

/** Of the map itself, or of one that a merge key brings. */
function pairOf(document: Document, map: YAMLMap, wanted: PropertyKey): Pair | undefined {
  const own = map.items.find(({ key }) => isScalar(key) && key.value === wanted);
  if (own !== undefined) return own;
  const merge = map.items.find(({ key }) => isScalar(key) && (key.value === '<<' || typeof key.value === 'symbol'));
  const source = isAlias(merge?.value) ? merge.value.resolve(document) : merge?.value;
  return isMap(source) ? pairOf(document, source, wanted) : undefined;
}

/** Puts a key into the nearest map that is there; what is between becomes a map in braces. */
function insertion(
  text: string,
  document: Document,
  path: readonly PropertyKey[],
  value: string,
  json: boolean,
): TextEdit | undefined {
  for (let depth = path.length - 1; depth >= 0; depth -= 1) {
    const map = nodeAt(document, path.slice(0, depth));
    if (map === undefined) continue;
    const range = rangeOf(map);
    if (!isMap(map) || range === undefined) return undefined;
    const keys = path.slice(depth).map((key) => (json ? JSON.stringify(key) : String(key)));
    const pair = keys.reduceRight(
      (inner, key, index) => (index === 0 ? `${key}: ${inner}` : `{${key}: ${inner}}`),
      value,
    );
    if (map.flow === true) {
      const at = range[0] + 1;
      return { start: at, end: at, replacement: map.items.length === 0 ? ` ${pair} ` : ` ${pair},` };
    }
    const first = rangeOf(map.items[0]?.key);
    if (first === undefined) return undefined;
    return { start: first[0], end: first[0], replacement: `${pair}\n${' '.repeat(columnOf(text, first[0]))}` };
  }
  return undefined;
}

function addition(text: string, list: YAMLSeq, values: readonly string[], json: boolean): TextEdit | undefined {
  const range = rangeOf(list);
  const last = rangeOf(list.items.at(-1));
  if (range === undefined) return undefined;
  // Two rules may want the same name.
  const known = list.items.map((item) => (isScalar(item) ? item.value : undefined));
  const missing = values.filter((value) => !known.includes(value));
  if (list.flow === true || last === undefined) {
    const items = missing.map((value) => written(value, json)).join(', ');
    if (last === undefined) return { start: range[0], end: range[1], replacement: `[${items}]` };
    return { start: last[1], end: last[1], replacement: missing.length === 0 ? '' : `, ${items}` };
  }
  const end = text.indexOf('\n', last[1]);
  const at = end < 0 ? text.length : end;
  const indent = ' '.repeat(columnOf(text, range[0]));
  return { start: at, end: at, replacement: missing.map((value) => `\n${indent}- ${written(value, json)}`).join('') };
}

function removal(text: string, list: Node | undefined, index: number): TextEdit | undefined {
  const whole = rangeOf(list);
  if (!isSeq(list) || whole === undefined) return undefined;
  const item = rangeOf(list.items[index]);
  if (item === undefined) return undefined;
  if (list.flow === true) {
    const next = rangeOf(list.items[index + 1]);
    const before = rangeOf(list.items[index - 1]);
    if (next !== undefined) return { start: item[0], end: next[0], replacement: '' };
    return { start: before?.[1] ?? item[0], end: item[1], replacement: '' };
  }
  const dash = text.lastIndexOf('-', item[0] - 1);
  const lineStart = text.lastIndexOf('\n', dash) + 1;
  const lineEnd = text.indexOf('\n', item[1]);
  if (list.items.length === 1) return { start: whole[0], end: item[1], replacement: '[]' };
  if (text.slice(lineStart, dash).trim() !== '' || lineEnd < 0) return undefined;
  return { start: lineStart, end: lineEnd + 1, replacement: '' };
}

function rangeOf(node: unknown): Range | undefined {
  return isMap(node) || isSeq(node) || isScalar(node) ? (node.range ?? undefined) : undefined;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

function flowList(values: readonly string[], json: boolean): string {
  return `[${values.map((value) => written(value, json)).join(', ')}]`;
}

/** What rules write needs no quotes in YAML: names, numbers, flags, `$variables`. */
function written(value: string | number | boolean, json: boolean): string {
  return json ? JSON.stringify(value) : String(value);
}
