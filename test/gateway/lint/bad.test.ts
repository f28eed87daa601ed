import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isMap, isSeq, parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import { parseVersion } from '../../../sidecar/gateway/lint/read/versions.ts';
import { rules } from '../../../sidecar/gateway/lint/rules/index.ts';
import { entriesOf, lintFiles, needingResources, readEntry } from './corpus.ts';
import { seededFaults } from './seeded-faults.ts';
import type { SeededFault } from './seeded-faults.ts';

const missed: string[] = [];
const fired = new Set<string>();
after(() => {
  if (missed.length > 0) console.log(`missed faults:\n${missed.map((fault) => `  ${fault}`).join('\n')}`);
});

/** Exactly these rules: a fault that another rule finds, too, says so. */
function assertFires(name: string, actual: readonly string[], expected: readonly string[]): void {
  const found = [...new Set(actual)].sort();
  for (const rule of found) fired.add(rule);
  for (const rule of expected) if (!found.includes(rule)) missed.push(`${name}: ${rule}`);
  assert.deepEqual(found, [...expected].sort());
}

describe('a fault in a good configuration', () => {
  for (const fault of seededFaults) {
    it(`is found: ${fault.name} (${fault.into})`, () => {
      const files = seed(fault);
      const version = fault.version === undefined ? undefined : parseVersion(fault.version);
      const { findings, problems } = lintFiles(files, { version });
      assert.deepEqual(problems, []);
      assertFires(
        fault.name,
        findings.map(({ rule }) => rule),
        fault.expect,
      );
      for (const { line, why, fix, title, message } of findings) {
        assert.ok(line !== undefined && line >= 1, 'it has a place');
        for (const text of [why, fix, title, message]) assert.notEqual(text, '');
        assert.doesNotMatch(`${message}${why}${fix}`, /not-a-real/, 'no secret is repeated');
      }
    });
  }
});

describe('a bad configuration', () => {
  for (const name of entriesOf('bad')) {
    it(`${name} has the faults that it names`, () => {
      const files = readEntry('bad', name);
      const expected = files.flatMap(({ text }) =>
        [...text.matchAll(/^# expect: (.*)$/gm)].flatMap(([, list]) => (list ?? '').split(/,\s*/)),
      );
      assert.ok(expected.length > 0, 'it names them');
      const { findings, problems } = lintFiles(files);
      assert.deepEqual(problems, []);
      assertFires(
        name,
        findings.map(({ rule }) => rule),
        expected,
      );
    });
  }
});

describe('the corpus', () => {
  it('has at least 60 bad configurations, no two of which are one fault in one place', () => {
    const faults = new Set(
      seededFaults.map(({ into, file, edit, version }) => JSON.stringify([into, file, edit, version])),
    );
    assert.equal(faults.size, seededFaults.length);
    assert.equal(new Set(seededFaults.map(({ name }) => name)).size, seededFaults.length);
    // The strictest way to count: of one entry, whatever fires the same rules counts once.
    const kinds = new Set(seededFaults.map(({ into, expect }) => JSON.stringify([into, [...expect].sort()])));
    assert.ok(kinds.size >= 60, String(kinds.size));
  });
  it('makes every rule fire that needs no resource file', () => {
    const silent = rules.map(({ id }) => id).filter((id) => !fired.has(id) && !needingResources.has(id));
    assert.deepEqual(silent, []);
  });
});

function seed({ into, file, edit }: SeededFault) {
  return readEntry('good', into).map((input) => {
    if (file !== undefined && input.file !== file) return input;
    const documents = parseAllDocuments(input.text, { merge: true }) as unknown as Document[];
    const isMulti = /^kind: /m.test(input.text);
    for (const [path, value] of edit) {
      const [first, ...rest] = path;
      const document = documents[isMulti ? Number(first) : 0] ?? assert.fail('no such document');
      const within = isMulti ? rest : path;
      if (value === undefined) assert.ok(document.deleteIn(within), `${path.join('.')} is there`);
      else {
        const parent: unknown = document.getIn(within.slice(0, -1), true);
        assert.ok(isMap(parent) || isSeq(parent), `${path.join('.')} has a place`);
        document.setIn(within, document.createNode(value));
      }
    }
    if (input.file.endsWith('.json')) return { ...input, text: JSON.stringify(documents[0]?.toJS(), undefined, 2) };
    const text = documents.map((document) => document.toString({ lineWidth: 0 })).join(isMulti ? '---\n' : '');
    return { ...input, text };
  });
}
