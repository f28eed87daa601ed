import { Document, Scalar, isMap, isPair, isScalar, isSeq, visit } from 'yaml';
import type { Plain } from './gateway-configuration.ts';

export interface Note {
  /** Keys and positions from the top. */
  readonly path: readonly (string | number)[];
  readonly comment: string;
  /** An empty line before it. */
  readonly apart?: boolean;
}

/** Characters of all its words. */
const shortList = 60;
const plainWord = /^[A-Za-z0-9._-]+$/;

/**
 * YAML in one style, with comments: nothing folded, lists of two or fewer short words in one line. Quotes what YAML 1.1
 * reads otherwise (`off`, `yes`), since that is what the gateway and Kubernetes tools may speak.
 */
export function writeYaml(value: Plain, notes: readonly Note[] = []): string {
  const document = new Document(value, { compat: 'yaml-1.1', aliasDuplicateObjects: false });
  for (const { path, comment, apart } of notes) {
    const node = keyOrItem(document, path);
    node.commentBefore = comment
      .split('\n')
      .map((line) => ` ${line}`)
      .join('\n');
    if (apart === true) node.spaceBefore = true;
  }
  visit(document, {
    Scalar(_, node) {
      // Templates look like flow maps to a hasty reader.
      if (typeof node.value === 'string' && node.value.includes('{{')) node.type = Scalar.QUOTE_SINGLE;
    },
    Seq(_, node) {
      if (!isShort(node.items)) return;
      node.flow = true;
      for (const word of node.items) if (!plainWord.test(String(word.value))) word.type = Scalar.QUOTE_SINGLE;
    },
  });
  return document.toString({ lineWidth: 0, singleQuote: true, flowCollectionPadding: false });
}

function isShort(items: readonly unknown[]): items is readonly Scalar[] {
  const words = items.map((item) => (isScalar(item) ? String(item.value) : '\n'));
  return words.length <= 2 && words.join('').length < shortList && words.every((word) => !word.includes('\n'));
}

/** What a comment stands before: the key of a map, or the item of a list. */
function keyOrItem(
  document: Document,
  path: readonly (string | number)[],
): { commentBefore?: string | null; spaceBefore?: boolean } {
  const last = path.at(-1);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isSeq(parent) && typeof last === 'number') return parent.items[last] as { commentBefore?: string | null };
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
    if (pair !== undefined && isScalar(pair.key)) return pair.key;
  }
  throw new RangeError(`there is nothing at ${path.join('.')} to comment`);
}
