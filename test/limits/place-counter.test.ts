/** Requests under way that sidecars count together. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import type { LimitEntry } from '../../sidecar/core/limit.ts';
import type { SharedPlaces } from '../../sidecar/core/ports.ts';
import { readWord } from '../../sidecar/limits/fleet-words.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { atOnce, createPlaceFleet, createSidecar, type PlaceFleet, type Sidecar } from './place-fleet.ts';

/** How many of so many are allowed. */
async function allowed(fleet: PlaceFleet, sidecar: Sidecar, limit: LimitEntry, requests: number): Promise<number> {
  let count = 0;
  for (let i = 0; i < requests; i++) if ((await fleet.ask(sidecar, limit)) === undefined) count += 1;
  return count;
}

test('while a place of its own is free a decision asks nobody and waits for nothing', async () => {
  const fleet = createPlaceFleet();
  const a = fleet.sidecar('a');
  const limit = atOnce(320);
  assert.equal(await fleet.ask(a, limit), undefined);
  const { holds } = fleet.asked;
  for (let i = 0; i < 1_000; i++) {
    a.end();
    assert.equal(a.take(limit), undefined, 'at once');
  }
  assert.equal(fleet.asked.holds, holds);
});

test('one sidecar may use all of the limit while the others are idle, and no more', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(20);
  assert.equal(await allowed(fleet, a, limit, 30), 20);
  assert.deepEqual(fleet.asked.told, [], 'nobody could give back anything');
  const { holds } = fleet.asked;
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(await fleet.ask(b, limit), { limit, retryAfterMs: 1_000, known: true });
  }
  assert.equal(fleet.asked.holds, holds + 2, 'asked twice, then not for a while');
});

test('requests that come at once share one question', async () => {
  const fleet = createPlaceFleet();
  const a = fleet.sidecar('a');
  const answers = Array.from({ length: 12 }, () => fleet.ask(a, atOnce(20)));
  assert.deepEqual((await Promise.all(answers)).filter((refusal) => refusal !== undefined), []); // prettier-ignore
  assert.ok(fleet.asked.holds <= 3, String(fleet.asked.holds));
});

test('what one holds and does not use another one gets at its first request', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(20);
  await allowed(fleet, a, limit, 20);
  for (let i = 0; i < 15; i++) a.end();
  assert.equal(await allowed(fleet, b, limit, 15), 15);
  assert.ok(await fleet.ask(b, limit));
  assert.equal(a.underWay.size + b.underWay.size, 20);
});

test('while another is short, a place goes back when its request ends', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(5);
  await allowed(fleet, a, limit, 5);
  assert.ok(await fleet.ask(b, limit));
  a.end();
  assert.ok(b.take(limit) !== undefined, 'it asks again later');
  await fleet.pass(250);
  assert.equal(await fleet.ask(b, limit), undefined);
  assert.ok(await fleet.ask(a, limit));
});

test('unused places go back after a while', async () => {
  const fleet = createPlaceFleet();
  const a = fleet.sidecar('a');
  await allowed(fleet, a, atOnce(20), 20);
  for (let i = 0; i < 18; i++) a.end();
  await fleet.pass(12_000);
  assert.equal(fleet.records.get('a')?.held, 2);
  a.end();
  a.end();
  await fleet.pass(12_000);
  assert.equal(fleet.records.size, 0);
});

test('a sidecar that lives keeps its places, those of a dead one come back', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(4);
  await allowed(fleet, a, limit, 4);
  await fleet.pass(60_000);
  assert.ok(await fleet.ask(b, limit));
  a.state.reachable = false;
  await fleet.pass(15_000);
  assert.equal(await allowed(fleet, b, limit, 9), 4);
});

test('a sidecar that slept uses nothing that others may have by now', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(4);
  await allowed(fleet, a, limit, 4);
  for (let i = 0; i < 3; i++) a.end();
  a.state.reachable = false;
  await fleet.pass(15_000);
  assert.equal(await allowed(fleet, b, limit, 9), 4);
  a.state.reachable = true;
  assert.ok(await fleet.ask(a, limit));
});

test('when Redis was flushed, requests under way are held again, and no more is allowed until some have ended', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(10);
  await allowed(fleet, a, limit, 6);
  await allowed(fleet, b, limit, 4);
  fleet.records.clear();
  await fleet.pass(6_000);
  assert.deepEqual([...fleet.records.values()].map(({ held }) => held).sort(), [4, 6]); // prettier-ignore
  assert.ok(await fleet.ask(b, limit));
  b.end();
  assert.equal(await fleet.ask(b, limit), undefined);
});

describe('without Redis', () => {
  for (const [onCacheLoss, allows] of [
    ['local', 5],
    ['allow', 50],
    ['deny', 0],
  ] as const) {
    it(`${onCacheLoss}: what is under way goes on, and ${String(allows)} of 50 more begin`, async () => {
      const fleet = createPlaceFleet();
      const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
      const limit = atOnce(10, onCacheLoss);
      await allowed(fleet, a, limit, 5);
      await allowed(fleet, b, limit, 5);
      assert.ok(await fleet.ask(a, limit));
      await fleet.pass(5_500);
      fleet.link.state = 'away';
      await fleet.pass(20_000);
      for (let i = 0; i < 5; i++) a.end();
      assert.equal(await allowed(fleet, a, limit, 50), allows);
      assert.ok(a.outcomes.includes('alone'));
      fleet.link.state = 'up';
      await fleet.pass(500);
      const held = a.underWay.size;
      assert.equal(fleet.records.get('a')?.held ?? 0, held, 'told when it is back');
    });
  }

  it('an answer that is lost takes nothing for good', async () => {
    const fleet = createPlaceFleet();
    const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
    const limit = atOnce(10, 'deny');
    fleet.link.state = 'lost';
    for (let i = 0; i < 10; i++) assert.equal((await fleet.ask(a, limit))?.known, false);
    fleet.link.state = 'up';
    await fleet.pass(500);
    assert.equal(await allowed(fleet, b, limit, 11), 10);
  });
});

describe('ends', () => {
  it('of a request that another sidecar decided on free its place there, together and without delay', async () => {
    const fleet = createPlaceFleet();
    const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
    const limit = atOnce(20);
    await allowed(fleet, a, limit, 20);
    fleet.asked.told.length = 0;
    for (const id of a.underWay) {
      assert.equal(b.limiter.settle(id, undefined), false);
      b.limiter.passOn(id, undefined);
    }
    await fleet.pass(100);
    assert.equal(fleet.asked.told.length, 1);
    assert.deepEqual([b.ends, a.ends], [{ told: 20, taken: 0, lost: 0 }, { told: 0, taken: 20, lost: 0 }]); // prettier-ignore
    assert.equal(a.take(limit), undefined);
  });

  it('bring what the log says of tokens, so that a budget is charged where the request was decided', async () => {
    const fleet = createPlaceFleet();
    const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
    const budget: LimitEntry = { ...atOnce(100), measure: 'llm_tokens', windowMs: 60_000 };
    assert.equal(await allowed(fleet, a, budget, 1), 1);
    for (const id of a.underWay) b.limiter.passOn(id, { model: 'm', promptTokens: 60, completionTokens: 40 });
    await fleet.pass(100);
    assert.equal((await a.limiter.look([{ limit: budget, counter: 'team' }]))[0]?.used, 100);
    assert.ok(await fleet.ask(a, budget));
  });

  it('wait while Redis is away, in a bounded number', async () => {
    const fleet = createPlaceFleet();
    const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
    await allowed(fleet, a, atOnce(20), 20);
    fleet.link.state = 'away';
    for (const id of a.underWay) b.limiter.passOn(id, undefined);
    for (let i = 0; i < 20_000; i++) b.limiter.passOn(`forged-${String(i)}`, undefined);
    await fleet.pass(5_000);
    assert.deepEqual([b.ends.told, b.ends.lost], [0, 20]);
    fleet.link.state = 'up';
    await fleet.pass(1_000);
    assert.deepEqual([b.ends.told, a.ends.taken], [20_000, 20]);
    assert.ok(fleet.asked.told.every((message) => message.length < 20_000));
  });

  it('that nobody told of are taken for one after ten minutes', async () => {
    const fleet = createPlaceFleet();
    const a = fleet.sidecar('a');
    await allowed(fleet, a, atOnce(1), 1);
    fleet.clock.advance(599_000);
    assert.ok(await fleet.ask(a, atOnce(1)));
    fleet.clock.advance(2_000);
    assert.equal(await fleet.ask(a, atOnce(1)), undefined);
  });
});

test('looking says what is under way in all sidecars, and takes nothing', async () => {
  const fleet = createPlaceFleet();
  const [a, b] = [fleet.sidecar('a'), fleet.sidecar('b')];
  const limit = atOnce(20);
  await allowed(fleet, a, limit, 7);
  await allowed(fleet, b, limit, 3);
  for (let i = 0; i < 2; i++) a.end();
  const uses = [{ limit, counter: 'team' }];
  const records = new Map(fleet.records);
  assert.deepEqual(await a.limiter.look(uses), [{ limit, counter: 'team', used: 8, freesInMs: 1_000, byAll: true }]);
  assert.deepEqual(fleet.records, records);
  fleet.link.state = 'away';
  assert.deepEqual((await a.limiter.look(uses)).map(({ used, byAll }) => [used, byAll]), [[5, false]]); // prettier-ignore
});

test('gives back at its end what no request has', async () => {
  const fleet = createPlaceFleet();
  const a = fleet.sidecar('a');
  await allowed(fleet, a, atOnce(20), 10);
  for (let i = 0; i < 7; i++) a.end();
  await a.limiter.stop();
  assert.equal(fleet.records.get('a')?.held, 3);
});

test('gives back what many counters hold without asking for all of them at once', async () => {
  const clock = createFakeClock();
  let [asking, most, held] = [0, 0, 0];
  const places: SharedPlaces = {
    async hold(_key, { underWay, waiting, kept }) {
      most = Math.max(most, ++asking);
      await new Promise((resolve) => setImmediate(resolve));
      asking -= 1;
      held += waiting - (waiting + kept === 0 ? 1 : 0);
      return { held: underWay + waiting + kept, elsewhere: { held: 0, underWay: 0 } };
    },
    look: async () => ({ held: 0, underWay: 0 }),
    tell: async () => undefined,
    onTold: () => () => undefined,
  };
  const sidecar = createSidecar({ name: 'a', places, clock });
  for (let i = 0; i < 100; i++) assert.equal(await sidecar.take({ ...atOnce(1), countedAs: `l${i}` }), undefined);
  for (let i = 0; i < 100; i++) sidecar.end();
  assert.deepEqual([held, most], [100, 1]);
  await sidecar.limiter.stop();
  assert.equal(held, 0);
  assert.ok(most <= 64, String(most));
});

test('messages that are none of ours change nothing and end nothing', async () => {
  const fleet = createPlaceFleet();
  const a = fleet.sidecar('a');
  const limit = atOnce(3);
  await allowed(fleet, a, limit, 3);
  const deep = '['.repeat(20_000);
  for (const message of [
    '',
    'x',
    '{}',
    '[]',
    '["ends"]',
    '["ends",1,"a-1"]',
    '["short","b"]',
    '["short","b",{}]',
    'null',
    deep,
  ]) {
    assert.equal(readWord(message), undefined, message.slice(0, 20));
    fleet.tell(message);
  }
  fleet.tell(`["ends","b",null,7,{},[],["a-1"],["a-1",-1,0],["a-1",1e300,0],["a-1",0.5,0],["a-1",0,0,7],"no-such-id"]`);
  fleet.tell('["short","b","no such key"]');
  assert.ok(await fleet.ask(a, limit));
  assert.equal(a.ends.taken, 0);
});

test('whatever happens in whatever order, never more are under way than the limit, and all of it comes back', async () => {
  const one = fc.record({
    what: fc.constantFrom('take', 'take', 'take', 'end', 'end', 'end elsewhere', 'pass', 'lose'),
    at: fc.nat(3),
    ms: fc.constantFrom(1, 100, 300, 2_000),
  });
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 9 }),
    fc.array(one, { maxLength: 60 }),
    async (most, steps) => {
      const fleet = createPlaceFleet();
      const sidecars = ['a', 'b', 'c', 'd'].map((name) => fleet.sidecar(name));
      // An answer that is lost must not look like a Redis that is away.
      const limit = atOnce(most, 'deny');
      const underWay = (): number => sidecars.reduce((sum, sidecar) => sum + sidecar.underWay.size, 0);
      for (const { what, at, ms } of steps) {
        const sidecar = sidecars[at] ?? assert.fail();
        if (what === 'take') await fleet.ask(sidecar, limit);
        else if (what === 'end') sidecar.end();
        else if (what === 'pass') await fleet.pass(ms);
        else if (what === 'lose') {
          fleet.link.state = 'lost';
          await Promise.all([fleet.ask(sidecar, limit), fleet.ask(sidecar, limit)]);
          fleet.link.state = 'up';
        } else {
          const [id] = sidecar.underWay;
          if (id === undefined) continue;
          sidecar.underWay.delete(id);
          sidecars[(at + 1) % 4]?.limiter.passOn(id, undefined);
        }
        assert.ok(underWay() <= most, `${String(underWay())} of ${String(most)}`);
      }
      for (const sidecar of sidecars) for (const id of [...sidecar.underWay]) sidecar.end(id);
      await fleet.pass(2_000);
      const last = sidecars[0] ?? assert.fail();
      await fleet.ask(last, limit);
      await fleet.pass(500);
      await allowed(fleet, last, limit, most);
      assert.equal(underWay(), most);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});
