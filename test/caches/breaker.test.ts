import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createBreaker, type Breaker } from '../../sidecar/caches/breaker.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

function made(): { breaker: Breaker; clock: FakeClock } {
  const clock = createFakeClock();
  return { breaker: createBreaker({ failures: 3, openMs: 1_000 }, { clock }), clock };
}

function fail(breaker: Breaker, times: number): void {
  for (let i = 0; i < times; i += 1) breaker.failed();
}

it('opens after failures in a row only', () => {
  const { breaker } = made();
  fail(breaker, 2);
  breaker.succeeded();
  fail(breaker, 2);
  assert.equal(breaker.allows(), true);
  assert.equal(breaker.retryInMs(), 0);
  breaker.failed();
  assert.equal(breaker.allows(), false);
  assert.equal(breaker.retryInMs(), 1_000);
  assert.equal(breaker.state(), 'open');
});

it('lets one ask after a while, and closes when that one succeeds', () => {
  const { breaker, clock } = made();
  fail(breaker, 3);
  clock.advance(999);
  assert.equal(breaker.allows(), false);
  clock.advance(1);
  assert.equal(breaker.allows(), true);
  assert.equal(breaker.allows(), false);
  breaker.succeeded();
  assert.equal(breaker.allows(), true);
  assert.equal(breaker.allows(), true);
});

it('stays open when the one that asked fails', () => {
  const { breaker, clock } = made();
  fail(breaker, 3);
  clock.advance(1_000);
  assert.equal(breaker.allows(), true);
  breaker.failed();
  assert.equal(breaker.allows(), false);
  clock.advance(1_000);
  assert.equal(breaker.allows(), true);
});

it('lets another one ask when the first found nothing out', () => {
  const { breaker, clock } = made();
  fail(breaker, 3);
  clock.advance(1_000);
  assert.equal(breaker.allows(), true);
  breaker.abandoned();
  assert.equal(breaker.allows(), true);
  assert.equal(breaker.allows(), false);
});
