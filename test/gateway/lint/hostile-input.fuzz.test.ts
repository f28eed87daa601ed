import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAllDocuments, stringify } from 'yaml';
import { applyMends } from '../../../sidecar/gateway/lint/mend/apply-mends.ts';
import { entriesOf, lintFiles, readEntry } from './corpus.ts';

/** Values that stand where something else belongs. */
const wrong = fc.oneof(
  fc.constantFrom(null, '', 0, -1, true, [], {}, [[]], [null], { a: null }, '$', '${{X}}', '__proto__', 'constructor'),
  fc.jsonValue({ maxDepth: 2 }),
);
type Path = readonly (string | number)[];
const documents = entriesOf('good')
  .flatMap((name) => readEntry('good', name))
  .flatMap(({ text }) => [...parseAllDocuments(text, { merge: true })].map((one) => JSON.stringify(one.toJS())));

function pathsOf(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [at, ...entries.flatMap(([key, child]) => pathsOf(child, [...at, key]))];
}

/** The document with another value at one of its places, as YAML in lines or in braces. */
function spoilt(document: string, place: number, value: unknown, inBraces: boolean): string {
  const root = { document: JSON.parse(document) as unknown };
  const paths = pathsOf(root.document);
  const path: Path = ['document', ...(paths[place % paths.length] ?? [])];
  const parent = path.slice(0, -1).reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], root);
  (parent as Record<string, unknown>)[path.at(-1) ?? ''] = value;
  return inBraces ? JSON.stringify(root.document, undefined, 1) : stringify(root.document);
}

describe('any input', () => {
  it('is judged or refused, never a crash; what --fix makes of it can be read', () => {
    const cases = fc.property(fc.nat(), fc.nat(), wrong, fc.boolean(), (which, place, value, inBraces) => {
      const text = spoilt(documents[which % documents.length] ?? '', place, value, inBraces);
      const { mends, findings } = lintFiles([{ file: 'x.yaml', text }]);
      for (const { rule, message } of findings) assert.ok(rule !== '' && message !== '');
      const after = applyMends(
        text,
        mends.flatMap((one) => one.mends),
      ).text;
      assert.deepEqual(
        parseAllDocuments(after).flatMap(({ errors }) => errors),
        [],
      );
    });
    fc.assert(cases, { numRuns: 200 });
  });
  it('of any text is read without a throw', () => {
    const cases = fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => {
      lintFiles([{ file: 'x.yaml', text }]);
    });
    fc.assert(cases, { numRuns: 200 });
  });
});
