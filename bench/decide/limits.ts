/** What a limit adds to a decision, where one process counts and where sidecars share the counters. */
import type { DecisionContext } from '../../sidecar/core/decision.ts';
import type { SharedCounters } from '../../sidecar/core/ports.ts';
import { createLimiter } from '../../sidecar/limits/limiter.ts';
import { question, resource } from '../../test/support/deciding.ts';
import { judge, unlessNoisy, type Row } from '../row.ts';
import { bootstrapMedian, median } from '../stats.ts';
import { addedOf, compare, context, type Case } from './timing.ts';

const most = 1_000_000_000;

export async function limitRows(rounds: number): Promise<readonly Row[]> {
  const limit = resource('limit', 'per-minute', { most });
  const none = caseOf(await context(100));
  const limited = caseOf(await context(100, [limit]));
  const { leased, asked } = createLeased(await context(100, [limit]));
  const alone = await compare(none, limited, rounds);
  const shared = await compare(limited, leased, rounds);
  const before = asked();
  await compare(limited, leased, 1);
  const added = addedOf(alone);
  const more = addedOf(shared);
  return [
    { name: 'decide: warm, no limit', value: median(alone.one), unit: 'µs', interval: bootstrapMedian(alone.one) },
    {
      name: 'decide: what a limit adds',
      value: median(added),
      unit: 'µs',
      interval: bootstrapMedian(added),
      ...unlessNoisy(judge({ at: 'most', limit: 1 }, bootstrapMedian(added)), alone.one),
    },
    {
      name: 'decide: what a lease adds to that',
      value: median(more),
      unit: 'µs',
      interval: bootstrapMedian(more),
      ...unlessNoisy(judge({ at: 'most', limit: 0.1 }, bootstrapMedian(more)), shared.one),
    },
    { name: 'decide: questions to Redis while a lease lasts', value: asked() - before, unit: '', bound: '= 0', ok: asked() === before }, // prettier-ignore
  ];
}

function caseOf(ctx: DecisionContext): Case {
  return { ctx, asked: [question()] };
}

/** Sidecars that share counters: one lease that is large enough for all, and time that does not end it. */
function createLeased(base: DecisionContext): { readonly leased: Case; readonly asked: () => number } {
  let asked = 0;
  const shared: SharedCounters = {
    lease: () => {
      asked++;
      return Promise.resolve({ granted: most, used: most, retryAfterMs: 0, slot: 0 });
    },
    giveBack: () => Promise.resolve(),
  };
  const startedAt = performance.now();
  const clock = {
    ...base.clock,
    // It stands still, and reading it costs what it does.
    monotonic: () => Math.min(startedAt, performance.now()),
  };
  const limiter = createLimiter(
    { maxCounters: 1_000, maxOpenRequests: 1_000, placeLifeMs: 15_000 },
    {
      shared,
      places: undefined,
      isReachable: () => true,
      asker: 'bench',
      keyOf: () => 'key',
      clock,
      observe: () => undefined,
      onUnpriced: () => undefined,
      observeEnds: () => undefined,
    },
  );
  return { leased: caseOf({ ...base, clock, limiter }), asked: () => asked };
}
