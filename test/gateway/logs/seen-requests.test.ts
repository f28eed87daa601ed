import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSeenRequests } from '../../../sidecar/gateway/logs/seen-requests.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const id = (n: number): string => n.toString(16).padStart(32, '0');

describe('the requests that were seen', () => {
  it('are new once', () => {
    const seen = createSeenRequests({ maxIds: 1_000, windowMs: 60_000 }, createFakeClock());
    for (let n = 0; n < 1_000; n++) assert.ok(seen.isNew(id(n)), String(n));
    for (let n = 0; n < 1_000; n++) assert.ok(!seen.isNew(id(n)), String(n));
  });

  it('are remembered as long as promised, and not for ever', () => {
    const clock = createFakeClock();
    const seen = createSeenRequests({ maxIds: 1_000, windowMs: 60_000 }, clock);
    assert.ok(seen.isNew('a'));
    clock.advance(59_000);
    assert.ok(seen.isNew('b'));
    clock.advance(59_000);
    // The generation of both is the old one now.
    assert.ok(seen.isNew('c'));
    assert.ok(!seen.isNew('b'));
    clock.advance(60_000);
    assert.ok(seen.isNew('a'));
    clock.advance(500_000);
    for (const name of ['a', 'b', 'c']) assert.ok(seen.isNew(name), name);
  });

  it('are as many as promised at least, however many come', () => {
    const seen = createSeenRequests({ maxIds: 1_000, windowMs: 60_000 }, createFakeClock());
    for (let n = 0; n < 50_000; n++) {
      assert.ok(seen.isNew(id(n)), String(n));
      if (n >= 1_000) assert.ok(!seen.isNew(id(n - 999)), String(n));
    }
    assert.ok(seen.isNew(id(0)), 'the bound holds');
  });

  it('are told apart, a million of them', () => {
    const seen = createSeenRequests({ maxIds: 2 ** 20, windowMs: 60_000 }, createFakeClock());
    let repeated = 0;
    for (let n = 0; n < 1_000_000; n++) if (!seen.isNew(id(n))) repeated++;
    assert.equal(repeated, 0);
  });
});
