import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock, Log } from '../../sidecar/core/ports.ts';
import type { Snapshot } from '../../sidecar/core/snapshot.ts';
import { createSnapshotKeeper } from '../../sidecar/snapshot/keeper.ts';

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function keeping() {
  const builds: PromiseWithResolvers<Snapshot>[] = [];
  const timers: (() => void)[] = [];
  const time = { ms: 0 };
  const clock: Clock = {
    now: () => time.ms,
    monotonic: () => time.ms,
    after(_ms, run) {
      timers.push(run);
      return () => undefined;
    },
    every: () => () => undefined,
  };
  const keeper = createSnapshotKeeper(
    { retryMs: 1000 },
    {
      build() {
        const build = Promise.withResolvers<Snapshot>();
        builds.push(build);
        return build.promise;
      },
      onBuilt: () => undefined,
      clock,
      log: silent,
    },
  );
  const finish = (i: number, revision: number): void => builds[i]?.resolve({ revision } as Snapshot);
  return { keeper, builds, timers, time, finish };
}

describe('createSnapshotKeeper', () => {
  it('shares one further build among all changes that arrive during a build', async () => {
    const { keeper, builds, finish } = keeping();
    const first = keeper.refresh();
    const others = [keeper.refresh(), keeper.refresh()];
    assert.equal(builds.length, 1);
    finish(0, 1);
    await first;
    assert.equal(keeper.current()?.revision, 1);
    await new Promise(setImmediate);
    assert.equal(builds.length, 2);
    finish(1, 2);
    await Promise.all(others);
    assert.equal(keeper.current()?.revision, 2);
  });

  it('counts as behind from the first change that no finished build holds', async () => {
    const { keeper, time, finish } = keeping();
    assert.equal(keeper.behindMs(), 0);
    const first = keeper.refresh();
    time.ms = 100;
    assert.equal(keeper.behindMs(), 100);
    const second = keeper.refresh();
    time.ms = 150;
    finish(0, 1);
    await first;
    assert.equal(keeper.behindMs(), 50);
    await new Promise(setImmediate);
    finish(1, 2);
    await second;
    assert.equal(keeper.behindMs(), 0);
  });

  it('keeps the old snapshot when a build fails, stays behind, and tries again', async () => {
    const { keeper, builds, timers, time, finish } = keeping();
    const first = keeper.refresh();
    finish(0, 1);
    await first;
    const failing = keeper.refresh();
    builds[1]?.reject(new Error('store away'));
    await assert.rejects(failing);
    time.ms = 70;
    assert.equal(keeper.current()?.revision, 1);
    assert.equal(keeper.behindMs(), 70);
    timers[0]?.();
    finish(2, 3);
    await new Promise(setImmediate);
    assert.equal(keeper.current()?.revision, 3);
    assert.equal(keeper.behindMs(), 0);
  });

  it('never swaps in what was read before a drop', async () => {
    const { keeper, finish } = keeping();
    const first = keeper.refresh();
    keeper.drop();
    finish(0, 1);
    await first;
    assert.equal(keeper.current(), undefined);
  });
});
