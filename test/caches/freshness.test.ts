import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createFreshness } from '../../sidecar/caches/freshness.ts';
import type { Change } from '../../sidecar/core/ports.ts';

const touch = (cacheKey: string, revision: number): Change => ({ revision, kind: 'token', id: 'tok', cacheKey });

function fresh(maxTouched = 100): { freshness: ReturnType<typeof createFreshness>; drops: () => number } {
  let drops = 0;
  const freshness = createFreshness({ maxTouched, onOverflow: () => (drops += 1) });
  return { freshness, drops: () => drops };
}

it('lets nothing be used before the store was read for the first time', () => {
  const { freshness } = fresh();
  assert.equal(freshness.mayUse('a', Number.MAX_SAFE_INTEGER), false);
  freshness.apply([touch('token:b', 7)], 7);
  assert.equal(freshness.mayUse('a', 7), false);
});

it('refuses what was read before the floor, or before its key was touched', () => {
  const { freshness } = fresh();
  freshness.reset(10);
  freshness.apply([touch('token:a', 12), touch('', 13)], 14);
  assert.equal(freshness.applied(), 14);
  assert.equal(freshness.mayUse('a', 11), false);
  assert.equal(freshness.mayUse('a', 12), true);
  assert.equal(freshness.mayUse('b', 10), true);
  assert.equal(freshness.mayUse('b', 9), false);
  assert.equal(freshness.size(), 1);
});

it('keeps the newest touch of a key, in whatever order pages come', () => {
  const { freshness } = fresh();
  freshness.reset(0);
  freshness.apply([touch('token:a', 5), touch('token:a', 3)], 5);
  freshness.apply([touch('token:a', 4)], 4);
  assert.equal(freshness.mayUse('a', 4), false);
  assert.equal(freshness.mayUse('a', 5), true);
  assert.equal(freshness.applied(), 5);
});

it('raises the floor and drops what is cached when it outgrows its bound', () => {
  const { freshness, drops } = fresh(3);
  freshness.reset(0);
  const before = drops();
  freshness.apply(
    [1, 2, 3].map((n) => touch(`token:${n}`, n)),
    3,
  );
  assert.equal(freshness.floor(), 0);
  freshness.apply(
    [4, 5, 6].map((n) => touch(`token:${n}`, n)),
    6,
  );
  assert.equal(drops(), before + 1);
  assert.equal(freshness.floor(), 6);
  assert.equal(freshness.size(), 0);
  assert.equal(freshness.mayUse('untouched', 5), false);
  assert.equal(freshness.mayUse('6', 6), true);
});

it('starts a new generation from the revision of a reset, forgetting what was touched', () => {
  const { freshness, drops } = fresh();
  freshness.reset(100);
  freshness.apply([touch('token:a', 150)], 150);
  const generation = freshness.generation();
  const before = drops();
  freshness.reset(20);
  assert.equal(freshness.generation(), generation + 1);
  assert.equal(drops(), before + 1);
  assert.equal(freshness.applied(), 20);
  assert.equal(freshness.mayUse('a', 20), true);
  assert.equal(freshness.mayUse('a', 19), false);
});
