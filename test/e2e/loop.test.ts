/** The loop through the gateway's log, closed by real processes: the short form of `npm run loop`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';

interface Figure {
  readonly name: string;
  /** Infinity is null in JSON. */
  readonly value: number | null;
}

it('takes a key that its provider refuses out of the pool, and puts it back', { timeout: 240_000 }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['bench/loop.ts', '--quick', '--json'], { encoding: 'utf8' });
  assert.ok(stdout.startsWith('['), stderr);
  const figures = JSON.parse(stdout) as readonly Figure[];
  const valuesOf = (name: RegExp): readonly (number | null)[] => {
    const found = figures.filter((figure) => name.test(figure.name));
    assert.equal(found.length, 3, String(name));
    return found.map(({ value }) => value);
  };
  // How fast, is left to the long form; that it ends, and that it comes back, is not.
  for (const count of valuesOf(/failures \(|failures$/)) assert.ok(Number(count) > 0);
  for (const back of valuesOf(/back after/)) assert.notEqual(back, null);
  const never = figures.filter(({ name, value }) => /failures later/.test(name) && value !== 0);
  assert.deepEqual(never, []);
});
