import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';

const documents = globSync('{*.md,docs/**/*.md,bench/*.md,examples/**/*.md}').sort();

describe('the documents', () => {
  it('name a test for every threat', () => {
    const text = readFileSync('SECURITY.md', 'utf8');
    const table = text.slice(text.indexOf('## Threats and tests'), text.indexOf('## What we do not defend'));
    const threats = table.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:threat|-)/.test(line));
    assert.ok(threats.length >= 15, String(threats.length));
    for (const threat of threats) {
      const tests = [...threat.matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] ?? '');
      assert.ok(tests.length > 0, threat);
      for (const test of tests) assert.ok(existsSync(test), `${test} of: ${threat}`);
    }
  });

  for (const document of documents) {
    it(`${document} links to files that exist`, () => {
      for (const [, target = ''] of readFileSync(document, 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        assert.ok(existsSync(join(dirname(document), target)), `${target} in ${document}`);
      }
    });
  }
});
