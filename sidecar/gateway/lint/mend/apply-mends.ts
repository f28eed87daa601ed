import { isDeepStrictEqual } from 'node:util';
import { isScalar, parseAllDocuments } from 'yaml';
import type { Mend } from '../rule.ts';
import { editOf } from './edit.ts';
import type { TextEdit } from './edit.ts';

export interface Mended {
  readonly text: string;
  /** Those that could not be put into the text, which is as it was for them. */
  readonly left: readonly Mend[];
}

/**
 * Edits a YAML (or JSON) text by its ranges: comments, quotes and everything that is not mended stay as they are. After
 * each edit the text is read again; an edit that does not do what it should is taken back.
 */
export function applyMends(text: string, mends: readonly Mend[]): Mended {
  const left: Mend[] = [];
  let current = text;
  for (const mend of inOrder(mends)) {
    const next = applied(current, mend);
    if (next === undefined) left.push(mend);
    else current = next;
  }
  return { text: current, left };
}

/** Removals come last and from the end: they move what is behind them. */
function inOrder(mends: readonly Mend[]): readonly Mend[] {
  const removals = mends.filter(({ op }) => op === 'remove');
  const others = mends.filter(({ op }) => op !== 'remove' && op !== 'append');
  const last = (mend: Mend): number => Number(mend.spot.path.at(-1));
  return [...others, ...removals.sort((a, b) => last(b) - last(a)), ...mends.filter(({ op }) => op === 'append')];
}

function applied(text: string, mend: Mend): string | undefined {
  if (mend.op === 'append') return `${text.trimEnd()}\n${mend.line}\n`;
  const edit = editOf(text, read(text), mend);
  if (edit === undefined) return undefined;
  const next = withEdit(text, edit);
  return isDone(text, next, mend) ? next : undefined;
}

function withEdit(text: string, { start, end, replacement }: TextEdit): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function read(text: string) {
  return [...parseAllDocuments(text, { merge: true })].filter(
    // As the reader counts them: a document without a value is none.
    ({ contents }) => contents !== null && !(isScalar(contents) && contents.value === null),
  );
}

function isDone(before: string, after: string, mend: Exclude<Mend, { op: 'append' }>): boolean {
  const documents = read(after);
  if (documents.some(({ errors }) => errors.length > 0)) return false;
  const valueIn = (text: string, path: readonly PropertyKey[]): unknown =>
    path.reduce<unknown>(
      (value, key) => (value as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key],
      read(text)[mend.spot.index]?.toJS({ maxAliasCount: 1_000 }),
    );
  const { path } = mend.spot;
  if (mend.op === 'set') return valueIn(after, path) === mend.value;
  const list = mend.op === 'remove' ? path.slice(0, -1) : path;
  const old = (valueIn(before, list) ?? []) as readonly unknown[];
  const expected =
    mend.op === 'add'
      ? [...old, ...mend.values.filter((value) => !old.includes(value))]
      : old.toSpliced(Number(path.at(-1)), 1);
  return isDeepStrictEqual(valueIn(after, list), expected);
}
