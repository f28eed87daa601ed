/**
 * The argument of docs/adr/0010, driven at random: fills, revocations, updates, deletions, lost hints, a store that
 * goes away for one and not for another, restarts, replays, flushes, clocks that differ, backups that come back and
 * fail-overs that lose commits. An answer is never older than what the answering sidecar claims to have read; what it
 * claims is what max_stale is measured by.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Fleet, names, type Name } from './fleet.ts';

type Step =
  | { readonly do: 'ask'; readonly sidecar: number; readonly name: Name }
  | { readonly do: 'put' | 'update' | 'revoke' | 'remove'; readonly name: Name }
  | { readonly do: 'cut' | 'join'; readonly sidecar: number; readonly link: 'store' | 'hints' }
  | { readonly do: 'restart'; readonly sidecar: number }
  | { readonly do: 'release' | 'replay'; readonly which: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'restore' | 'fail over' | 'fork'; readonly back: number }
  | { readonly do: 'flush' | 'settle' };

const size = 3;
const name = fc.constantFrom(...names);
const sidecar = fc.nat({ max: size - 1 });
const which = fc.nat({ max: 30 });
const back = fc.nat({ max: 3 });
const link = fc.constantFrom('store' as const, 'hints' as const);
const named = <T extends string>(...moves: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...moves);

const everyday: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 8, arbitrary: fc.record({ do: named('ask'), sidecar, name }) },
  { weight: 8, arbitrary: fc.record({ do: named('release'), which }) },
  { weight: 4, arbitrary: fc.record({ do: named('put', 'update', 'revoke', 'remove'), name }) },
  { weight: 2, arbitrary: fc.record({ do: named('cut', 'join'), sidecar, link }) },
  { weight: 2, arbitrary: fc.record({ do: named('replay'), which }) },
  { weight: 3, arbitrary: fc.record({ do: named('pass'), ms: fc.constantFrom(10, 100, 300, 600) }) },
  { weight: 2, arbitrary: fc.record({ do: named('settle') }) },
  { weight: 1, arbitrary: fc.record({ do: named('flush') }) },
];
const disasters: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 1, arbitrary: fc.record({ do: named('restart'), sidecar }) },
  { weight: 2, arbitrary: fc.record({ do: named('restore', 'fail over'), back }) },
];
/** A fail-over that nobody declared, of a store that names no timeline: the same epoch goes on from an earlier revision. */
const fork: fc.WeightedArbitrary<Step> = { weight: 1, arbitrary: fc.record({ do: named('fork'), back }) };

async function take(fleet: Fleet, step: Step): Promise<void> {
  switch (step.do) {
    case 'ask':
      fleet.ask(step.sidecar, step.name);
      break;
    case 'put':
    case 'update':
    case 'revoke':
    case 'remove':
      fleet.change(step.name, step.do);
      break;
    case 'cut':
    case 'join':
      fleet.setLink(step.sidecar, step.link, step.do === 'join');
      break;
    case 'restart':
      await fleet.restart(step.sidecar);
      break;
    case 'release':
      fleet.release(step.which);
      break;
    case 'replay':
      fleet.replay(step.which);
      break;
    case 'pass':
      fleet.pass(step.ms);
      break;
    case 'restore':
      fleet.restore(step.back + 2, 'new epoch');
      break;
    case 'fail over':
      // To a replica that lacked the last commits. New ones may use their revisions up before anybody polls.
      fleet.restore(step.back, 'new timeline');
      break;
    case 'fork':
      // Seen by whoever polls before the lost revisions are used up again; that is what nobody can tell later.
      for (let i = 0; i < size; i += 1) fleet.setLink(i, 'store', true);
      await fleet.poll();
      fleet.restore(step.back, 'same');
      await fleet.poll();
      break;
    case 'flush':
      fleet.flush();
      break;
    case 'settle':
      await fleet.settle();
      break;
  }
  await fleet.turn();
}

async function prove(steps: readonly fc.WeightedArbitrary<Step>[], numRuns: number): Promise<void> {
  const answers = new Map<string, number>();
  const rates = fc.array(fc.constantFrom(0.9, 1, 1.1), { minLength: size, maxLength: size });
  await fc.assert(
    fc.asyncProperty(rates, fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 120 }), async (paces, moves) => {
      const fleet = await Fleet.of(size, paces);
      for (const move of moves) await take(fleet, move);
      assert.deepEqual(fleet.wrong, []);
      await fleet.converge();
      assert.deepEqual(fleet.wrong, []);
      for (const [answer, times] of fleet.answers) answers.set(answer, (answers.get(answer) ?? 0) + times);
    }),
    { numRuns },
  );
  // Worth something only when every kind of answer came up, and seldom the one that says nothing.
  for (const answer of ['first', 'second', 'revoked', 'token_unknown']) {
    assert.ok((answers.get(answer) ?? 0) > numRuns, `${answer}: ${answers.get(answer) ?? 0}`);
  }
  const unknown = answers.get('store_unavailable') ?? 0;
  assert.ok(unknown < (answers.get('first') ?? 0), `${unknown} times not known`);
}

it('never yields what its sidecar should know to be over, in any order of events', () =>
  prove([...everyday, ...disasters], 800));

it('nor after fail-overs that lost commits without a new epoch, once they were seen', () =>
  prove([...everyday, fork], 400));
