import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPace } from '../../sidecar/snapshot/pace.ts';

test('rests only when its slice is used up, and then begins another one', async () => {
  let nowMs = 0;
  const rests: (() => void)[] = [];
  const pace = createPace({ monotonic: () => nowMs }, 2, (go) => rests.push(go));
  assert.equal(pace.step(), undefined);
  nowMs = 2;
  const resting = pace.step();
  assert.ok(resting instanceof Promise);
  nowMs = 10;
  rests[0]?.();
  await resting;
  nowMs = 11.9;
  assert.equal(pace.step(), undefined, 'the slice begins after the rest');
  nowMs = 12;
  assert.ok(pace.step() instanceof Promise);
  assert.equal(rests.length, 2);
});

test('without a rest it is gone for a turn of the loop', async () => {
  const pace = createPace({ monotonic: () => 0 }, 0);
  let turns = 0;
  setImmediate(() => (turns += 1));
  await pace.step();
  assert.equal(turns, 1);
});
