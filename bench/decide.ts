/** `decide()` in process: its cost, and what it does not grow with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { question } from '../test/support/deciding.ts';
import { jwtRows } from './decide/jwt.ts';
import { limitRows } from './decide/limits.ts';
import { asking, compare, context, flatnessRows, ratiosOf, timeRound } from './decide/timing.ts';
import { judge, unlessNoisy, type Row } from './row.ts';
import { bootstrapMedian, median } from './stats.ts';
import { createTokenWorld, tokenAt } from './token-world.ts';

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
  const asked = [question()];
  const comparison = await compare({ ctx: one, asked }, { ctx: many, asked }, rounds);
  return flatnessRows('1 policy', '10,000 policies', comparison);
}

/** Every policy has a condition of its own; the request meets that of the one that allows it. */
async function conditionRows(rounds: number): Promise<readonly Row[]> {
  const few = await context(10, [], true);
  const many = await context(10_000, [], true);
  const asked = [question({ 'x-cf-arg-model': 'model-0', 'x-forwarded-for': '10.1.2.3' })];
  const comparison = await compare({ ctx: few, asked }, { ctx: many, asked }, rounds);
  const { one, other } = comparison;
  const ratios = ratiosOf(comparison);
  const cost = bootstrapMedian(other);
  const interval = bootstrapMedian(ratios);
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
      value: median(ratios),
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
    const asked = [asking(tokenAt(0))];
    const one = { ctx: { ...base, validators: [few.validator] }, asked };
    const other = { ctx: { ...base, validators: [many.validator] }, asked };
    const inTurn = Array.from({ length: warmTokens }, (_, i) => asking(tokenAt(i)));
    return [
      ...flatnessRows(
        '1 token in the store',
        `${tokens.toLocaleString('en-US')} tokens`,
        await compare(one, other, rounds),
      ),
      {
        name: `decide: ${warmTokens.toLocaleString('en-US')} warm tokens in turn`,
        value: await timeRound({ ctx: other.ctx, asked: inTurn }),
        unit: 'µs',
      },
      ...(await jwtRows(rounds, many)),
    ];
  } finally {
    await few.close();
    await many.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
