/** The short form of `npm run bench -- --only ingestion`: what may never happen, whatever the machine does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly bound?: string;
}

it('loses and counts again nothing of the log under load, and holds its memory', { timeout: 240_000 }, () => {
  const args = ['bench/run.ts', '--only', 'ingestion', '--quick', '--json'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.ok(stdout.startsWith('['), stderr);
  const figures = JSON.parse(stdout) as readonly Figure[];
  const counts = figures.filter(({ bound }) => bound === '= 0');
  assert.ok(counts.length >= 4, String(counts.length));
  assert.deepEqual(
    counts.filter(({ value }) => value !== 0),
    [],
  );
  const growth = figures.find(({ name }) => name.includes('resident memory')) ?? assert.fail('no figure of memory');
  assert.ok(growth.value < 200, `${String(growth.value)} MB`);
});
