/** `decide()` in process: its cost, and that the cost does not grow with policies or with tokens in the store. */
import { hash } from 'node:crypto';
import { decide } from '../sidecar/core/decide.ts';
import type { DecisionContext, Question } from '../sidecar/core/decision.ts';
import type { ResourceRecord } from '../sidecar/core/resources.ts';
import { deciding, gateway, question, resource, snapshotOf } from '../test/support/deciding.ts';
import { judge, type Row } from './row.ts';
import { bootstrapMedian, median } from './stats.ts';

const batch = 200;

export async function benchDecide({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const rounds = quick ? 20 : 100;
  const small = await context(1);
  const large = await context(10_000);
  const { one, other } = compare(small, large, rounds);
  const ratios = other.map((value, round) => value / (one[round] ?? NaN));
  const cost = bootstrapMedian(one);
  const interval = bootstrapMedian(ratios);
  return [
    {
      name: 'decide: warm, 1 policy',
      value: median(one),
      unit: 'µs',
      interval: cost,
      ...judge({ at: 'most', limit: 5 }, cost),
    },
    {
      name: 'decide: warm, 10,000 policies',
      value: median(other),
      unit: 'µs',
      ratio: median(ratios),
      interval,
      ...judge({ at: 'most', limit: 1.1 }, interval),
    },
  ];
}

/** The real core, policies and snapshot; `policies` of them, of which the first allows the question. */
async function context(policies: number): Promise<DecisionContext> {
  const consumers = 100;
  const records: ResourceRecord[] = [gateway(), resource('upstream', 'api'), resource('credential', 'api-main')];
  for (let i = 0; i < consumers; i++) {
    records.push(resource('consumer', i === 0 ? 'team' : `team-${String(i)}`, { groups: [`group-${String(i % 10)}`] }));
  }
  for (let i = 0; i < policies; i++) {
    const whose =
      i % 10 === 9
        ? { groups: [`group-${String(i % 100)}`] }
        : { consumers: [i % consumers === 0 ? 'team' : `team-${String(i % consumers)}`] };
    const paths = i === 0 ? ['/v1/chat'] : [`/v1/area-${String(i % 50)}/*/items`];
    records.push(resource('policy', `policy-${String(i)}`, { ...whose, methods: ['POST'], paths }));
  }
  const snapshot = await snapshotOf(records);
  return {
    ...deciding(snapshot),
    snapshot: () => snapshot,
    sha256: (text) => hash('sha256', text),
    record: () => undefined,
    clock: {
      now: Date.now,
      monotonic: () => performance.now(),
      after: () => () => undefined,
      every: () => () => undefined,
    },
  };
}

/** Interleaved rounds of both; microseconds for one decision, the median of a round's batches. */
function compare(
  a: DecisionContext,
  b: DecisionContext,
  rounds: number,
): { readonly one: readonly number[]; readonly other: readonly number[] } {
  const one: number[] = [];
  const other: number[] = [];
  const asked = question();
  for (const ctx of [a, b, a, b]) timeRound(ctx, asked);
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) one.push(timeRound(a, asked));
    other.push(timeRound(b, asked));
    if (round % 2 === 1) one.push(timeRound(a, asked));
  }
  return { one, other };
}

function timeRound(ctx: DecisionContext, asked: Question): number {
  const times: number[] = [];
  for (let sample = 0; sample < 50; sample++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) {
      const decision = decide(asked, ctx);
      if (decision instanceof Promise || decision.outcome !== 'allow')
        throw new Error('the question was not allowed, warm');
    }
    times.push(Number(process.hrtime.bigint() - started) / 1_000 / batch);
  }
  return median(times);
}
