import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTokenUse } from '../../sidecar/audit/token-use.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { recordingLog } from '../support/recording-log.ts';

const options = { flushMs: 30_000, maxTokens: 2 };

it('writes the last use of each token in one go, when the time is over', async () => {
  const { use, clock, written } = start();
  use.seen('tok_a', 1);
  use.seen('tok_a', 3);
  use.seen('tok_b', 2);
  clock.advance(29_999);
  assert.deepEqual(written, []);
  clock.advance(1);
  await use.flush();
  assert.deepEqual(written, [{ tok_a: 3, tok_b: 2 }]);
});

it('has a bound, and still follows the tokens that it knows', async () => {
  const { use, written } = start();
  for (const [id, at] of Object.entries({ tok_a: 1, tok_b: 1, tok_c: 1 })) use.seen(id, at);
  use.seen('tok_b', 2);
  await use.flush();
  assert.deepEqual(written, [{ tok_a: 1, tok_b: 2 }]);
});

it('goes on when the store cannot write, and writes what is left when it stops', async () => {
  const { use, log, written } = start(true);
  use.seen('tok_a', 1);
  await use.flush();
  assert.deepEqual(log.events(), ['token_use_not_written']);
  use.seen('tok_b', 2);
  await use.stop();
  assert.deepEqual(written, [{ tok_b: 2 }]);
});

function start(failsFirst = false): {
  readonly use: ReturnType<typeof createTokenUse>;
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly log: ReturnType<typeof recordingLog>;
  readonly written: Record<string, number>[];
} {
  const clock = createFakeClock();
  const log = recordingLog();
  const written: Record<string, number>[] = [];
  let fails = failsFirst;
  const store = {
    async recordTokenUse(uses: ReadonlyMap<string, number>): Promise<void> {
      const failing = fails;
      fails = false;
      if (failing) throw new Error('the store is away');
      written.push(Object.fromEntries(uses));
    },
  };
  return { use: createTokenUse(options, { store, clock, log }), clock, log, written };
}
