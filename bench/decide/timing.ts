/** What the rows of `decide` have in common: a context over the real core, policies and snapshot, and the timing of two. */
import { createKeyHasher } from '../../sidecar/compose/hashing.ts';
import { decide } from '../../sidecar/core/decide.ts';
import type { DecisionContext, Question } from '../../sidecar/core/decision.ts';
import type { ResourceRecord } from '../../sidecar/core/resources.ts';
import { deciding, gateway, question, resource, snapshotOf } from '../../test/support/deciding.ts';
import { judge, unlessNoisy, type Row } from '../row.ts';
import { bootstrapMedian, median } from '../stats.ts';

/** Decisions between two looks at the clock, and looks in a round. */
const batch = 200;
const samples = 50;

export const asking = (token: string): Question => question({ authorization: `Bearer ${token}` });

/** The real core, policies and snapshot; `policies` of them, of which the first allows the question. */
export async function context(
  policies: number,
  more: readonly ResourceRecord[] = [],
  withConditions = false,
): Promise<DecisionContext> {
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
    records.push(
      resource('policy', `policy-${String(i)}`, {
        ...whose,
        methods: ['POST'],
        paths,
        ...(withConditions ? { when: condition(i) } : {}),
      }),
    );
  }
  const snapshot = await snapshotOf([...records, ...more]);
  return {
    ...deciding(snapshot),
    snapshot: () => snapshot,
    health: { find: () => undefined },
    hashGatewayKey: createKeyHasher({ maxKept: 4 }),
    record: () => undefined,
    clock: {
      now: Date.now,
      monotonic: () => performance.now(),
      after: () => () => undefined,
      every: () => () => undefined,
    },
  };
}

/** Ten thousand different ones: no two are compiled once. */
function condition(i: number): string {
  return `request.model == "model-${String(i)}" && source.inside("10.0.0.0/8") && time.at("Europe/Berlin").hour < 24`;
}

/** Questions, asked in turn. */
export interface Case {
  readonly ctx: DecisionContext;
  readonly asked: readonly Question[];
}

export interface Comparison {
  readonly one: readonly number[];
  readonly other: readonly number[];
}

/** Interleaved rounds of both; microseconds for one decision, the median of a round's batches. */
export async function compare(a: Case, b: Case, rounds: number): Promise<Comparison> {
  const one: number[] = [];
  const other: number[] = [];
  for (const each of [a, b, a, b]) await timeRound(each);
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) one.push(await timeRound(a));
    other.push(await timeRound(b));
    if (round % 2 === 1) one.push(await timeRound(a));
  }
  return { one, other };
}

/** One decision is made before the clock starts: what needs an await has it then. */
export async function timeRound({ ctx, asked }: Case): Promise<number> {
  const [first] = asked;
  if (first !== undefined) await decide(first, ctx);
  const times: number[] = [];
  let next = 0;
  for (let sample = 0; sample < samples; sample++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) {
      const question = asked[next++ % asked.length];
      const decision = question === undefined ? undefined : decide(question, ctx);
      if (decision === undefined || decision instanceof Promise || decision.outcome !== 'allow') {
        throw new Error('the question was not allowed, warm');
      }
    }
    times.push(Number(process.hrtime.bigint() - started) / 1_000 / batch);
  }
  return median(times);
}

/** The rounds' ratios. */
export function ratiosOf({ one, other }: Comparison): readonly number[] {
  return other.map((value, round) => value / (one[round] ?? NaN));
}

/** What the other one costs more, in each round. */
export function addedOf({ one, other }: Comparison): readonly number[] {
  return other.map((value, round) => value - (one[round] ?? NaN));
}

export function flatnessRows(small: string, large: string, comparison: Comparison): readonly Row[] {
  const { one, other } = comparison;
  const ratios = ratiosOf(comparison);
  const cost = bootstrapMedian(one);
  const interval = bootstrapMedian(ratios);
  return [
    {
      name: `decide: warm, ${small}`,
      value: median(one),
      unit: 'µs',
      interval: cost,
      ...unlessNoisy(judge({ at: 'most', limit: 5 }, cost), one),
    },
    {
      name: `decide: warm, ${large}`,
      value: median(other),
      unit: 'µs',
      ratio: median(ratios),
      interval,
      ...unlessNoisy(judge({ at: 'most', limit: 1.1 }, interval), one),
    },
  ];
}
