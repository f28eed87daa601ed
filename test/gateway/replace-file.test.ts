import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { replaceFile } from '../../sidecar/gateway/replace-file.ts';

const home = mkdtempSync(join(tmpdir(), 'credentialflow-replace-'));
after(() => rmSync(home, { recursive: true, force: true }));

describe('a file that is replaced', () => {
  it('is another file of that name: who reads the old one reads it to its end', () => {
    const path = join(home, 'apisix.yaml');
    const [before, now] = ['old\n'.repeat(100_000), 'new\n'];
    writeFileSync(path, before);
    const reader = openSync(path, 'r');
    const { ino } = statSync(path);
    assert.equal(replaceFile(path, now), true);
    assert.equal(readFileSync(reader, 'utf8'), before);
    closeSync(reader);
    assert.equal(readFileSync(path, 'utf8'), now);
    assert.notEqual(statSync(path).ino, ino);
  });
  it('is replaced though a killed process of the same number left its temporary file', () => {
    const path = join(home, 'left.yaml');
    writeFileSync(join(home, `.left.yaml.${process.pid}.new`), 'half');
    assert.equal(replaceFile(path, 'whole\n'), true);
    assert.equal(readFileSync(path, 'utf8'), 'whole\n');
    assert.deepEqual(
      readdirSync(home).filter((name) => name.includes('left')),
      ['left.yaml'],
    );
  });
});
