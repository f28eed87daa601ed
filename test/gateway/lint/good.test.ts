import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createView } from '../../../sidecar/gateway/lint/view.ts';
import { presets } from '../../../sidecar/presets/index.ts';
import { entriesOf, lintFiles, readEntry } from './corpus.ts';

const good = entriesOf('good');

describe('a good configuration', () => {
  it('is there in many shapes', () => {
    assert.ok(good.length >= 25, String(good.length));
  });
  for (const name of good) {
    it(`${name} has no finding`, () => {
      const { findings, problems, configuration } = lintFiles(readEntry('good', name));
      assert.deepEqual(problems, []);
      assert.deepEqual(
        findings.map(({ rule, file, line, message }) => `${rule} ${file}:${line ?? 0} ${message}`),
        [],
      );
      assert.ok(createView(configuration, { presets }).guarded.length > 0, 'a guarded route was seen');
    });
  }
  it('is the one that we ship', () => {
    const files = ['apisix-conf/apisix.yaml', 'apisix-conf/config.yaml'];
    const { findings } = lintFiles(files.map((file) => ({ file, text: readFileSync(file, 'utf8') })));
    assert.deepEqual(findings, []);
  });
});
