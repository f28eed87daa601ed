import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
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
  it('takes away what a killed process left, and nothing that another one may be writing', () => {
    const path = join(home, 'left.yaml');
    const lost = [`.left.yaml.${process.pid}.new`, `.left.yaml.${randomUUID()}.new`];
    const [fresh, foreign] = [`.left.yaml.${randomUUID()}.new`, '.left.yaml.mine.new'];
    for (const name of [...lost, fresh, foreign]) writeFileSync(join(home, name), 'half');
    const anHourAgo = Date.now() / 1_000 - 3_600;
    for (const name of [...lost, foreign]) utimesSync(join(home, name), anHourAgo, anHourAgo);
    assert.equal(replaceFile(path, 'whole\n'), true);
    assert.equal(readFileSync(path, 'utf8'), 'whole\n');
    const there = readdirSync(home).filter((name) => name.includes('left'));
    assert.deepEqual(there.sort(), [fresh, foreign, 'left.yaml'].sort());
  });
  it('is another temporary file each time: in containers every process may have the same number', () => {
    const path = join(home, 'shared.yaml');
    const taken = join(home, `.shared.yaml.${process.pid}.new`);
    writeFileSync(taken, 'of somebody else');
    replaceFile(path, 'ours\n');
    assert.equal(readFileSync(taken, 'utf8'), 'of somebody else');
  });
});
