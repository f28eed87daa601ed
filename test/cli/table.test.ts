import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatFacts, formatTable } from '../../sidecar/cli/table.ts';

it('lines columns up and leaves no space at the end of a line', () => {
  assert.equal(
    formatTable(
      ['ID', 'WHAT'],
      [
        ['long-id', ''],
        ['x', 'y'],
      ],
    ),
    'ID       WHAT\nlong-id\nx        y',
  );
});

it('lets nothing that others wrote steer the terminal', () => {
  const hostile = 'a\u001b[2J\u0007b\nc\u009b';
  assert.equal(formatTable(['ID'], [[hostile]]), 'ID\na?[2J?b?c?');
  assert.equal(formatFacts({ id: hostile }), 'id: a?[2J?b?c?');
});

it('shows nested facts as indented lines', () => {
  const facts = { a: 1, b: { c: null, d: ['x', 'y'] }, e: [{ f: true }], g: [], h: undefined };
  assert.equal(formatFacts(facts), 'a: 1\nb:\n  c: -\n  d: x, y\ne:\n  -\n    f: true\ng: -');
});
