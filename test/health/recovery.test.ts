/** Whatever happened: once the key works, it comes back; and nothing is denied for what this sidecar did not see. */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decide } from '../../sidecar/core/decide.ts';
import { healthStates } from '../../sidecar/core/health.ts';
import { openai } from '../../sidecar/presets/openai.ts';
import { gemini } from '../../sidecar/presets/gemini.ts';
import { deciding, question, testPreset, outcomeOf, resource, snapshotOf, usual } from '../support/deciding.ts';
import { createHealthWorld, rules, type HealthWorld } from './world.ts';

const deadKey = [...openai.deadKey, ...gemini.deadKey];

const event = fc.oneof(
  fc.record({
    kind: fc.constant('outcome' as const),
    status: fc.constantFrom(0, 200, 400, 401, 403, 404, 429, 500),
    agoMs: fc.nat(5_000),
    retryAfter: fc.option(fc.nat(60)),
  }),
  fc.record({
    kind: fc.constant('answer' as const),
    status: fc.constantFrom(200, 400, 401, 404, 429, 503),
    text: fc.constantFrom('', 'API_KEY_INVALID', 'insufficient_quota'),
  }),
  fc.record({ kind: fc.constant('no_answer' as const) }),
  fc.record({ kind: fc.constant('given' as const) }),
  fc.record({
    kind: fc.constant('word' as const),
    state: fc.constantFrom(...healthStates),
    agoMs: fc.integer({ min: -60_000, max: 60_000 }),
    waitMs: fc.nat(60_000),
    needsTrial: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.nat(30_000) }),
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

async function happen(world: HealthWorld, e: Event): Promise<void> {
  const nowMs = world.clock.now();
  switch (e.kind) {
    case 'outcome':
      world.hear('a', e.status, {
        agoMs: e.agoMs,
        limits: e.retryAfter === null ? {} : { 'retry-after': String(e.retryAfter) },
      });
      break;
    case 'answer':
      world.answer = { status: e.status, text: e.text };
      break;
    case 'no_answer':
      world.answer = undefined;
      break;
    case 'given':
      world.monitor.onGiven(world.versionOf('a'));
      break;
    case 'word':
      world.monitor.learn([
        {
          versionId: world.versionOf('a'),
          state: e.state,
          sinceMs: nowMs - e.agoMs,
          atMs: nowMs - e.agoMs,
          untilMs: e.state === 'throttled' ? nowMs + e.waitMs : 0,
          needsTrial: e.needsTrial,
          reason: 'said',
        },
      ]);
      break;
    case 'time':
      await world.pass(e.ms);
  }
  await new Promise(setImmediate);
}

for (const probes of [true, false]) {
  it(`a key that works again comes back in bounded time, ${probes ? 'with' : 'without'} probes`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
        const world = await createHealthWorld({ deadKey }, { probes });
        for (const e of events) await happen(world, e);
        world.answer = { status: 200 };
        const longestMs = 1.5 * (rules.maxProbeMs + rules.maxCoolDownMs);
        const began = world.clock.now();
        const health = () => world.monitor.find(world.versionOf('a'));
        const isFit = (): boolean => !['suspect', 'throttled', 'dead'].includes(health()?.state ?? 'unknown');
        while (!isFit()) {
          assert.ok(world.clock.now() - began < longestMs, JSON.stringify(health()));
          const { state, untilMs = 0 } = health() ?? {};
          await world.pass(5_000);
          // Selection gives it a request when its time has come; while it is suspect, only where no other is fit.
          if ((state === 'throttled' || state === 'dead') && untilMs > 0 && untilMs <= world.clock.now()) {
            world.monitor.onGiven(world.versionOf('a'));
            await world.pass(1_000);
            world.hear('a', 200, { durationMs: 500 });
          }
        }
        world.monitor.stop();
      }),
      { numRuns: 60 },
    );
  });
}

it('no pool is denied but for what this sidecar saw itself', async () => {
  const snapshot = await snapshotOf([...usual(), resource('credential', 'other')], [{ ...testPreset, deadKey }]);
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
      const world = await createHealthWorld({ deadKey }, { probes: false });
      for (const e of events) await happen(world, e);
      // Without probes nothing is ever dead but by hearsay.
      const ctx = deciding(snapshot);
      const find = () => world.monitor.find(world.versionOf('a'));
      const decision = await decide(question(), { ...ctx, health: { find } });
      assert.equal(outcomeOf(decision), 'allow');
      world.monitor.stop();
    }),
    { numRuns: 60 },
  );
});
