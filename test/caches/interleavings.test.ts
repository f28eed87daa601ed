/**
 * Fills, revocations, updates, deletions, cache replays and lagging sidecars in every order: an answer is never older
 * than what the answering sidecar had applied when it gave it, and never one that the store never held.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Cache } from '../../sidecar/core/ports.ts';
import { hashOf } from './scripted.ts';
import { createSidecar, createWorld, outcomeOf, type Sidecar, type World } from './scripted-sidecar.ts';

const names = ['a', 'b'] as const;
type Name = (typeof names)[number];
type State = 'allow' | 'revoked' | 'token_unknown';

type Step =
  | { readonly do: 'ask'; readonly sidecar: number; readonly name: Name }
  | { readonly do: 'put' | 'revoke' | 'remove'; readonly name: Name }
  | { readonly do: 'follow' | 'restart'; readonly sidecar: number }
  /** Lets the n-th waiting read of the store or the cache go on. */
  | { readonly do: 'release'; readonly which: number }
  /** Puts an older genuine value back into the cache. */
  | { readonly do: 'replay'; readonly which: number };

const name = fc.constantFrom(...names);
const sidecar = fc.nat({ max: 1 });
const which = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('ask' as const), sidecar, name }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release' as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('put' as const, 'revoke' as const, 'remove' as const), name }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('follow' as const), sidecar }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), sidecar }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), which }) },
);

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

class Run {
  private readonly waiting: (() => void)[] = [];
  private readonly written: [string, string][] = [];
  private readonly held = new Map<string, string>();
  private readonly history = new Map<Name, { readonly revision: number; readonly state: State }[]>();
  private readonly sidecars: Sidecar[] = [];
  readonly answers = { allow: 0, revoked: 0, token_unknown: 0, store_unavailable: 0 };
  private readonly world: World;

  private constructor(world: World) {
    this.world = world;
  }

  static async start(): Promise<Run> {
    const base = await createWorld();
    const hold = async (): Promise<void> => new Promise((resolve) => void run.waiting.push(resolve));
    const cache: Cache = {
      ...base.cache,
      async get(key) {
        const value = run.held.get(key);
        await hold();
        return value;
      },
      async set(key, value) {
        run.written.push([key, value]);
        await hold();
        run.held.set(key, value);
      },
    };
    const run = new Run({ ...base, cache });
    base.store.through = async (answer) => {
      // The statement sees one moment: sometimes before, sometimes after the wait.
      const early = run.waiting.length % 2 === 0 ? answer() : undefined;
      await hold();
      return early ?? answer();
    };
    for (const each of names) run.history.set(each, [{ revision: 0, state: 'token_unknown' }]);
    run.restart(0);
    run.restart(1);
    return run;
  }

  private restart(index: number): void {
    this.sidecars[index] = createSidecar(this.world, { concurrency: 100, queue: 100 });
  }

  private change(each: Name, state: State): void {
    const { store } = this.world;
    if (state === 'allow') store.put(each);
    else if (state === 'revoked') store.revoke(each);
    else store.remove(each);
    this.history.get(each)?.push({ revision: store.revision(), state });
  }

  /** What may be answered by who has applied everything up to `applied`: the state then, and every later one. */
  private acceptable(each: Name, applied: number): Set<string> {
    const history = this.history.get(each) ?? [];
    const current = history.findLastIndex(({ revision }) => revision <= applied);
    return new Set(history.slice(current).map(({ state }) => state));
  }

  private ask(index: number, each: Name): void {
    const asked = this.sidecars[index];
    if (asked === undefined) return;
    const answer = asked.lookup.find(hashOf(each), () => true);
    const judge = (outcome: string): void => {
      this.answers[outcome as keyof typeof this.answers] += 1;
      if (outcome === 'store_unavailable') return;
      const acceptable = this.acceptable(each, asked.freshness.applied());
      if (!acceptable.has(outcome)) {
        this.wrong.push(`${outcome} for ${each} at ${asked.freshness.applied()}, not ${[...acceptable].join(' or ')}`);
      }
    };
    if (answer instanceof Promise) void answer.then((late) => judge(outcomeOf(late)));
    else judge(outcomeOf(answer));
  }

  readonly wrong: string[] = [];

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'ask':
        this.ask(next.sidecar, next.name);
        break;
      case 'put':
        this.change(next.name, 'allow');
        break;
      case 'revoke':
        this.change(next.name, 'revoked');
        break;
      case 'remove':
        this.change(next.name, 'token_unknown');
        break;
      case 'follow': {
        const { store } = this.world;
        const { through } = store;
        store.through = undefined;
        const followed = this.sidecars[next.sidecar]?.follow();
        store.through = through;
        await followed;
        break;
      }
      case 'restart':
        this.restart(next.sidecar);
        break;
      case 'release':
        this.waiting.splice(next.which % Math.max(1, this.waiting.length), 1)[0]?.();
        break;
      case 'replay': {
        const [key, value] = this.written[next.which % Math.max(1, this.written.length)] ?? [];
        if (key !== undefined && value !== undefined) this.held.set(key, value);
        break;
      }
    }
    await turn();
  }
}

it('never yields a revoked token after its change was applied, in any order of events', async () => {
  const answers = { allow: 0, revoked: 0, token_unknown: 0, store_unavailable: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const run = await Run.start();
      for (const next of steps) await run.take(next);
      for (const each of Object.keys(answers) as (keyof typeof answers)[]) answers[each] += run.answers[each];
      assert.deepEqual(run.wrong, []);
    }),
    { numRuns: 400 },
  );
  // Worth something only when every kind of answer came up, and hardly ever the one that says nothing.
  const { store_unavailable: unknown, ...knowing } = answers;
  for (const [outcome, times] of Object.entries(knowing)) assert.ok(times > 20, `${outcome}: ${times}`);
  assert.ok(unknown < answers.allow, `${unknown} times not known`);
});
