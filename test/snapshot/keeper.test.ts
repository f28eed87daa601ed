import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock, Log } from '../../sidecar/core/ports.ts';
import type { BuiltSnapshot } from '../../sidecar/snapshot/build.ts';
import { createSnapshotKeeper, type WantedBuild } from '../../sidecar/snapshot/keeper.ts';

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const at = (revision: number): BuiltSnapshot => ({ snapshot: { revision }, parts: {} }) as BuiltSnapshot;

function keeping() {
  const builds: PromiseWithResolvers<BuiltSnapshot>[] = [];
  const asked: (WantedBuild & { readonly from: number | undefined })[] = [];
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
      build(previous, wanted) {
        const build = Promise.withResolvers<BuiltSnapshot>();
        asked.push({ ...wanted, from: previous?.snapshot.revision });
        builds.push(build);
        return build.promise;
      },
      onBuilt: () => undefined,
      clock,
      log: silent,
    },
  );
  const finish = (i: number, revision: number): void => builds[i]?.resolve(at(revision));
  return { keeper, builds, asked, timers, time, finish };
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

  it('says what each build is for, and says it again after one that failed', async () => {
    const { keeper, builds, asked, timers, finish } = keeping();
    const first = keeper.refresh();
    finish(0, 1);
    await first;
    const failing = keeper.refreshSecret('a');
    const waiting = [keeper.refresh(), keeper.refreshSecret('b')];
    builds[1]?.reject(new Error('no'));
    await assert.rejects(failing);
    await new Promise(setImmediate);
    builds[2]?.reject(new Error('no'));
    for (const work of waiting) await assert.rejects(work);
    for (const run of timers.splice(0)) run();
    finish(3, 2);
    await new Promise(setImmediate);
    assert.deepEqual(asked, [
      { changes: true, secrets: new Set(), from: undefined },
      { changes: false, secrets: new Set(['a']), from: 1 },
      { changes: true, secrets: new Set(['a', 'b']), from: 1 },
      { changes: true, secrets: new Set(['a', 'b']), from: 1 },
    ]);
    assert.equal(keeper.behindMs(), 0);
  });

  it('does not take a build for a secret for one that holds the changes', async () => {
    const { keeper, time, finish } = keeping();
    const first = keeper.refresh();
    finish(0, 1);
    await first;
    const secret = keeper.refreshSecret('a');
    time.ms = 10;
    const change = keeper.refresh();
    time.ms = 30;
    finish(1, 1);
    await secret;
    assert.equal(keeper.behindMs(), 20);
    await new Promise(setImmediate);
    finish(2, 2);
    await change;
    assert.equal(keeper.behindMs(), 0);
  });

  it('builds from scratch after a snapshot that is not of the store of now, but not for a secret', async () => {
    const { keeper, asked, finish } = keeping();
    keeper.adopt(at(7));
    assert.equal(keeper.current()?.revision, 7);
    const secret = keeper.refreshSecret('a');
    finish(0, 7);
    await secret;
    const change = keeper.refresh();
    finish(1, 9);
    await change;
    const later = keeper.refresh();
    finish(2, 10);
    await later;
    assert.deepEqual(
      asked.map(({ from }) => from),
      [7, undefined, 9],
    );
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
