/** docs/leaks.md is held to the rules, the checks and the tests that it names. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { rules } from '../../sidecar/gateway/lint/rules/index.ts';

const page = readFileSync('docs/leaks.md', 'utf8');
const checks = globSync('sidecar/gateway/doctor/**/*.ts')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:how it would|-)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.trim()));
/** A test's title, or the name of a seeded fault. */
const linkToTest = /\]\(\.\.\/(test\/[^)]+)\): “([^”]+)”/g;

describe('docs/leaks.md', () => {
  it('says of each leak why it does not happen, what finds it, and which test shows it', () => {
    assert.ok(rows.length >= 35, String(rows.length));
    for (const row of rows) {
      assert.equal(row.length, 4, row.join(' | '));
      assert.ok([...(row[3] ?? '').matchAll(linkToTest)].length > 0, row[0]);
    }
  });
  it('names rules that there are', () => {
    const ids = new Set(rules.map(({ id }) => id));
    for (const [, shown = '', anchor = ''] of page.matchAll(/\[`([^`]+)`\]\(lint-rules\.md#([^)]+)\)/g)) {
      assert.ok(ids.has(shown), shown);
      assert.equal(anchor, shown);
    }
  });
  it('names every rule', () => {
    const named = new Set([...page.matchAll(/\(lint-rules\.md#([^)]+)\)/g)].map(([, id]) => id));
    assert.deepEqual(rules.map(({ id }) => id).filter((id) => !named.has(id)), []); // prettier-ignore
  });
  it('names checks of the doctor that there are', () => {
    const named = rows.flatMap(([, , found = '']) =>
      [...(/doctor: (.*)$/.exec(found)?.[1]?.matchAll(/`([^`]+)`/g) ?? [])].map(([, check = '']) => check),
    );
    assert.ok(named.length >= 15, String(named.length));
    for (const check of named) assert.match(checks, new RegExp(`['\`]${check}\\b`), check);
  });
  it('names tests that there are', () => {
    for (const [, file = '', title = ''] of page.matchAll(linkToTest)) {
      const text = readFileSync(file, 'utf8');
      assert.ok(text.includes(file.endsWith('faults.ts') ? `'${title}'` : title), `${file}: ${title}`);
    }
  });
});
