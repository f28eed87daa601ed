import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSnapshots } from '../../sidecar/compose/snapshots.ts';
import type { Clock } from '../../sidecar/core/ports.ts';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { createMetrics } from '../../sidecar/ops/metrics.ts';
import { defaults } from '../support/deciding.ts';
import { recordingLog } from '../support/recording-log.ts';

/** Snapshots of so many consumers, by a clock of which each look finds that a slice is over. */
function scene(count: number) {
  const rests: number[] = [];
  let elapsedMs = 0;
  const clock: Clock = {
    now: () => 0,
    monotonic: () => (elapsedMs += 0.3),
    after(ms, run) {
      rests.push(elapsedMs);
      elapsedMs += ms;
      setImmediate(run);
      return () => undefined;
    },
    every: () => () => undefined,
  };
  const consumers = Array.from({ length: count }, (_, i): ResourceRecord => {
    const times = { revision: 1, createdAtMs: 0, updatedAtMs: 0 };
    return { kind: 'consumer', id: `c${String(i)}`, owner: 'api', spec: defaults.consumer, disabled: false, ...times };
  });
  const snapshots = createSnapshots({
    store: {
      readAll: async () => ({ storeId: 's', epoch: 1, revision: 1, chunks: oneChunk(consumers) }),
      readChanged: async () => undefined,
    },
    keyring: createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(32).fill(7)) }]),
    env: {},
    metrics: createMetrics({ version: 'test' }),
    clock,
    log: recordingLog(),
  });
  return { snapshots, rests, elapsedMs: () => elapsedMs };
}

test('a build rests while decisions are made, and no longer once a change has waited for 0.8 s', async () => {
  const { snapshots, rests, elapsedMs } = scene(2_000);
  await snapshots.keeper.refresh();
  assert.equal(snapshots.keeper.current()?.consumers.size, 2_000);
  assert.equal(rests.splice(0).length, 0, 'nothing is decided before the first snapshot');

  const beganMs = elapsedMs();
  await snapshots.keeper.refresh();
  assert.ok(rests.length > 100, `${String(rests.length)} rests`);
  assert.ok((rests.at(-1) ?? Infinity) - beganMs < 801, 'no rest after 0.8 s');
  assert.ok(elapsedMs() - beganMs > 1_000, 'though there was work for longer');
  snapshots.stop();
});

test('a build of over 15,000 consumers and policies does not rest', async () => {
  const { snapshots, rests } = scene(15_001);
  await snapshots.keeper.refresh();
  await snapshots.keeper.refresh();
  assert.equal(snapshots.keeper.current()?.consumers.size, 15_001);
  assert.equal(rests.length, 0);
  snapshots.stop();
});

async function* oneChunk<T>(items: readonly T[]): AsyncGenerator<readonly T[], void> {
  yield items;
}
