import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createGate } from '../../sidecar/caches/gate.ts';
import { createFakeClock } from '../support/fake-clock.ts';

it('lets so many in, so many wait, and turns the next away', () => {
  const gate = createGate({ concurrency: 2, queue: 1 }, { clock: createFakeClock() });
  assert.equal(gate.enter(100), 'entered');
  assert.equal(gate.enter(100), 'entered');
  assert.ok(gate.enter(100) instanceof Promise);
  assert.equal(gate.enter(100), 'full');
});

it('hands a place to who waited longest', async () => {
  const gate = createGate({ concurrency: 1, queue: 2 }, { clock: createFakeClock() });
  const order: string[] = [];
  assert.equal(gate.enter(100), 'entered');
  const first = Promise.resolve(gate.enter(100)).then((how) => order.push(`first ${how}`));
  const second = Promise.resolve(gate.enter(100)).then((how) => order.push(`second ${how}`));
  gate.leave();
  assert.ok(gate.enter(100) instanceof Promise, 'a newcomer does not overtake');
  await first;
  assert.deepEqual(order, ['first entered']);
  gate.leave();
  await second;
  assert.deepEqual(order, ['first entered', 'second entered']);
});

it('sends away who waited too long, without losing a place', async () => {
  const clock = createFakeClock();
  const gate = createGate({ concurrency: 1, queue: 1 }, { clock });
  assert.equal(gate.enter(100), 'entered');
  const waiting = gate.enter(100);
  clock.advance(100);
  assert.equal(await waiting, 'too_late');
  gate.leave();
  assert.equal(gate.enter(100), 'entered');
  assert.ok(gate.enter(100) instanceof Promise);
});
