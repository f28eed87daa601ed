/** `decide()` in process: its cost, and that the cost does not grow with policies or with tokens in the store. */
import { createKeyHasher } from '../sidecar/compose/hashing.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decide } from '../sidecar/core/decide.ts';
import type { DecisionContext, Question } from '../sidecar/core/decision.ts';
import type { ResourceRecord } from '../sidecar/core/resources.ts';
import { deciding, gateway, question, resource, snapshotOf } from '../test/support/deciding.ts';
import { judge, unlessNoisy, type Row } from './row.ts';
import { bootstrapMedian, median } from './stats.ts';
import { createTokenWorld, tokenAt } from './token-world.ts';

const batch = 200;
const warmTokens = 10_000;

export async function benchDecide({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const rounds = quick ? 20 : 100;
  return [
    ...(await policyRows(rounds)),
    ...(await conditionRows(rounds)),
    ...(await tokenRows(rounds, quick ? 100_000 : 1_000_000)),
    ...(await limitRows(rounds)),
  ];
}

async function policyRows(rounds: number): Promise<readonly Row[]> {
  const one = await context(1);
  const many = await context(10_000);
  return flatnessRows('1 policy', '10,000 policies', compare(one, many, rounds));
}

/** Every policy has a condition of its own; the request meets that of the one that allows it. */
async function conditionRows(rounds: number): Promise<readonly Row[]> {
  const few = await context(10, [], true);
  const many = await context(10_000, [], true);
  const asked = question({ 'x-cf-arg-model': 'model-0', 'x-forwarded-for': '10.1.2.3' });
  const { one, other } = compare(few, many, rounds, asked);
  const cost = bootstrapMedian(other);
  const interval = bootstrapMedian(other.map((value, round) => value / (one[round] ?? NaN)));
  return [
    {
      name: 'decide: warm, 10 policies with conditions',
      value: median(one),
      unit: 'µs',
      interval: bootstrapMedian(one),
    },
    {
      name: 'decide: warm, 10,000 policies with conditions',
      value: median(other),
      unit: 'µs',
      interval: cost,
      ...unlessNoisy(judge({ at: 'most', limit: 8 }, cost), one),
    },
    {
      name: 'decide: 10,000 policies with conditions / 10',
      value: median(other.map((value, round) => value / (one[round] ?? NaN))),
      unit: 'x',
      interval,
      ...unlessNoisy(judge({ at: 'most', limit: 1.2 }, interval), one),
    },
  ];
}

async function tokenRows(rounds: number, tokens: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'credentialflow-bench-'));
  const few = await createTokenWorld(join(folder, 'one.db'), 1);
  const many = await createTokenWorld(join(folder, 'many.db'), tokens);
  try {
    await few.warm(1);
    await many.warm(warmTokens);
    const base = await context(100);
    const one = { ...base, validators: [few.validator] };
    const other = { ...base, validators: [many.validator] };
    const rotating = timeRound(
      other,
      Array.from({ length: warmTokens }, (_, i) => asking(tokenAt(i))),
    );
    return [
      ...flatnessRows(
        '1 token in the store',
        `${tokens.toLocaleString('en-US')} tokens`,
        compare(one, other, rounds, asking(tokenAt(0))),
      ),
      { name: `decide: ${warmTokens.toLocaleString('en-US')} warm tokens in turn`, value: rotating, unit: 'µs' },
    ];
  } finally {
    await few.close();
    await many.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A limit of this process alone; with Redis a lease that lasts costs the same. */
async function limitRows(rounds: number): Promise<readonly Row[]> {
  const none = await context(100);
  const limited = await context(100, [resource('limit', 'per-minute', { most: 1_000_000_000 })]);
  const { one, other } = compare(none, limited, rounds);
  const added = other.map((value, round) => value - (one[round] ?? NaN));
  const interval = bootstrapMedian(added);
  return [
    { name: 'decide: warm, no limit', value: median(one), unit: 'µs', interval: bootstrapMedian(one) },
    {
      name: 'decide: what a limit adds',
      value: median(added),
      unit: 'µs',
      interval,
      ...unlessNoisy(judge({ at: 'most', limit: 1 }, interval), one),
    },
  ];
}

function flatnessRows(small: string, large: string, { one, other }: Comparison): readonly Row[] {
  const ratios = other.map((value, round) => value / (one[round] ?? NaN));
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

const asking = (token: string): Question => question({ authorization: `Bearer ${token}` });

/** The real core, policies and snapshot; `policies` of them, of which the first allows the question. */
async function context(
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

interface Comparison {
  readonly one: readonly number[];
  readonly other: readonly number[];
}

/** Interleaved rounds of both; microseconds for one decision, the median of a round's batches. */
function compare(a: DecisionContext, b: DecisionContext, rounds: number, asked: Question = question()): Comparison {
  const one: number[] = [];
  const other: number[] = [];
  for (const ctx of [a, b, a, b]) timeRound(ctx, [asked]);
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) one.push(timeRound(a, [asked]));
    other.push(timeRound(b, [asked]));
    if (round % 2 === 1) one.push(timeRound(a, [asked]));
  }
  return { one, other };
}

function timeRound(ctx: DecisionContext, questions: readonly Question[]): number {
  const times: number[] = [];
  let next = 0;
  for (let sample = 0; sample < 50; sample++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) {
      const asked = questions[next++ % questions.length];
      const decision = asked === undefined ? undefined : decide(asked, ctx);
      if (decision === undefined || decision instanceof Promise || decision.outcome !== 'allow') {
        throw new Error('the question was not allowed, warm');
      }
    }
    times.push(Number(process.hrtime.bigint() - started) / 1_000 / batch);
  }
  return median(times);
}
