import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { slotMsOf } from '../../sidecar/core/limit.ts';
import { createSlidingWindow } from '../../sidecar/limits/window.ts';

test('counts what came within the window, and a slot longer at most', () => {
  const window = createSlidingWindow(3_200);
  window.add(1_000, 5);
  window.add(1_050, 2);
  assert.equal(window.count(1_050), 7);
  assert.equal(window.count(1_000 + 3_200), 7);
  assert.equal(window.count(1_100 + 3_200), 0);
});

test('tells when the oldest leave', () => {
  const window = createSlidingWindow(3_200);
  assert.equal(window.nextLeaveMs(500), 0);
  window.add(1_010, 1);
  window.add(2_000, 1);
  const wait = window.nextLeaveMs(2_000);
  assert.equal(window.count(2_000 + wait - 1), 2);
  assert.equal(window.count(2_000 + wait), 1);
});

test('gives back what was counted just now, and never less than nothing', () => {
  const window = createSlidingWindow(1_000);
  window.add(10, 2);
  window.add(10, -1);
  assert.equal(window.count(10), 1);
  window.add(10, -5);
  assert.equal(window.count(10), 0);
});

test('no window of its length ever holds more than was allowed, and none is refused that a slot longer would allow', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 100_000 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 200 }),
      (windowMs, limit, gaps) => {
        const window = createSlidingWindow(windowMs);
        const allowed: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          const within = (length: number): number => allowed.filter((at) => at > now - length).length;
          const hasRoom = window.count(now) < limit;
          if (hasRoom) {
            window.add(now, 1);
            allowed.push(now);
            assert.ok(within(windowMs) <= limit);
          } else {
            assert.ok(within(windowMs + 2 * slotMsOf(windowMs)) >= limit);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});
